/** A program of its own: takes a LoadPlan over IPC, drives the server, sends back a LoadResult. */
import { once } from 'node:events'
import { Agent } from 'node:http'
import { type LoadPlan, type LoadResult, type RequestRecord, TEXT_NUMBER_DIGITS } from './load.ts'
import { basePictures, numberedUris } from './pictures.ts'
import { timeRequest } from './request.ts'

/** Stands where the picture goes. */
const PICTURE = '<the picture>'

const [plan] = (await once(process, 'message')) as [LoadPlan]
const result = await drive(plan)
process.send?.(result, () => process.disconnect?.())

/** Pictures are made before the clock starts; a first round that does not count opens the connections. */
async function drive(plan: LoadPlan): Promise<LoadResult> {
  const bodyOf = await bodiesOf(plan)
  const agent = new Agent({ keepAlive: true, maxSockets: plan.clients })
  const send = (number: number, loadStart: number) => {
    const body = bodyOf(number)
    return timeRequest({ url: plan.url, apiKey: plan.apiKey, agent, body, loadStart })
  }
  const { warmUps = plan.clients } = plan
  const warmUp = Array.from({ length: warmUps }, (_, i) => send(plan.requests + i, 0))
  await Promise.all(warmUp)

  const records: RequestRecord[] = []
  const loadStart = performance.now()
  let next = 0
  const client = async () => {
    while (next < plan.requests) records.push(await send(next++, loadStart))
  }
  await Promise.all(Array.from({ length: plan.clients }, client))
  agent.destroy()
  return { durationMs: performance.now() - loadStart, records }
}

/** The body of the request of each number. */
type BodyOf = (number: number) => Buffer

async function bodiesOf(plan: LoadPlan): Promise<BodyOf> {
  const { bodies } = plan
  if (bodies) return (number) => Buffer.from(bodies[number % bodies.length]!)
  return plan.pictures === 'none' ? textBodies(plan) : await pictureBodies(plan)
}

async function pictureBodies(plan: LoadPlan): Promise<BodyOf> {
  const pictures = (await basePictures(plan.seed)).map(numberedUris)
  const json = requestOf(plan, [
    { type: 'image_url', image_url: { url: PICTURE } },
    { type: 'text', text: plan.question },
  ])
  const at = json.indexOf(PICTURE)
  const before = Buffer.from(json.slice(0, at))
  const behind = Buffer.from(json.slice(at + PICTURE.length))
  return (number) => {
    const uri =
      plan.pictures === 'cached'
        ? pictures[0]!(0)
        : pictures[number % pictures.length]!(plan.firstPicture + number)
    return Buffer.concat([before, uri, behind])
  }
}

/** The number stands first, so that no cache of prompts helps, and is always as long. */
function textBodies(plan: LoadPlan): BodyOf {
  return (number) => {
    const name = String(plan.firstPicture + number).padStart(TEXT_NUMBER_DIGITS, '0')
    return Buffer.from(requestOf(plan, name + plan.question))
  }
}

function requestOf(plan: LoadPlan, content: unknown): string {
  return JSON.stringify({
    model: plan.model,
    messages: [{ role: 'user', content }],
    max_tokens: plan.maxTokens,
    // Left out where it is not needed: other servers may not know it.
    ...(plan.answers === 'exact' ? { min_tokens: plan.maxTokens } : {}),
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  })
}
