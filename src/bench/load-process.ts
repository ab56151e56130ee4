/** A program of its own: takes a LoadPlan over IPC, drives the server, sends back a LoadResult. */
import { once } from 'node:events'
import { Agent } from 'node:http'
import type { LoadPlan, LoadResult, RequestRecord } from './load.ts'
import { basePictures, numberedUris } from './pictures.ts'
import { timeRequest } from './request.ts'

/** Stands where the picture goes. */
const PICTURE = '<the picture>'

const [plan] = (await once(process, 'message')) as [LoadPlan]
const result = await drive(plan)
process.send?.(result, () => process.disconnect?.())

/** Pictures are made before the clock starts; a first round that does not count opens the connections. */
async function drive(plan: LoadPlan): Promise<LoadResult> {
  const bases = await basePictures(plan.seed)
  const [beforePicture, behindPicture] = requestAround(plan)
  const agent = new Agent({ keepAlive: true, maxSockets: plan.clients })
  const pictures = bases.map(numberedUris)
  const send = (number: number, loadStart: number) => {
    const uri =
      plan.pictures === 'cached'
        ? pictures[0]!(0)
        : pictures[number % pictures.length]!(plan.firstPicture + number)
    const body = Buffer.concat([beforePicture, uri, behindPicture])
    return timeRequest({ url: plan.url, apiKey: plan.apiKey, agent, body, loadStart })
  }
  const warmUp = Array.from({ length: plan.clients }, (_, i) => send(plan.requests + i, 0))
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

/** The JSON of a request before and behind the picture's URI. */
function requestAround(plan: LoadPlan): [Buffer, Buffer] {
  const json = JSON.stringify({
    model: plan.model,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: PICTURE } },
          { type: 'text', text: plan.question },
        ],
      },
    ],
    max_tokens: plan.maxTokens,
    // Left out where it is not needed: other servers may not know it.
    ...(plan.answers === 'exact' ? { min_tokens: plan.maxTokens } : {}),
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  })
  const at = json.indexOf(PICTURE)
  return [Buffer.from(json.slice(0, at)), Buffer.from(json.slice(at + PICTURE.length))]
}
