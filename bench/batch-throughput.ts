#!/usr/bin/env node
/**
 * What a batch makes of the engine: `node bench/batch-throughput.ts [lines [tokens [rounds]]]` has the starter answer so many
 * questions (400) with so many tokens each (32), once as so many clients of the chat room as a batch has lines running, in this
 * process and without HTTP, files or database, and once as lines of a batch of a server, from the first line to the last. So many
 * rounds (7) of both, taking turns at being first; each has questions of its own, so that no prompt is known from another.
 *
 * Three ratios, each the median of the rounds': of tokens a second, which means something on an idle machine alone; of processor
 * time, all threads of this process, which others disturb less; and of tokens a step of the engine, which says how full it was kept.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'
import { resolveConfig } from '../src/config.ts'
import { openModel, startServer } from '../src/main.ts'

const [lines = 400, tokens = 32, rounds = 7] = process.argv.slice(2).map(Number)
const folder = await mkdtemp(join(tmpdir(), 'aerie-batches-'))
const config = resolveConfig({ flags: { port: 0, dataDir: folder, logLevel: 'error' } })
const concurrency = 2 * config.maxRunning

/** Of the whole of it, in seconds. */
interface Took {
  readonly wall: number
  readonly processor: number
  /** Of `processor`: the main thread's. */
  readonly main: number
  /** Of the engine; not seconds. */
  readonly steps: number
}

/** `steps`: how many there were so far. */
async function clock(steps: () => Promise<number>): Promise<() => Promise<Took>> {
  const seconds = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1e6
  const now = () => ({
    wall: performance.now() / 1000,
    processor: seconds(process.cpuUsage()),
    main: seconds(process.threadCpuUsage()),
  })
  const stepsBefore = await steps()
  const start = now()
  return async () => {
    const end = now()
    return {
      wall: end.wall - start.wall,
      processor: end.processor - start.processor,
      main: end.main - start.main,
      steps: (await steps()) - stepsBefore,
    }
  }
}

const questionsOf = (round: string) =>
  Array.from({ length: lines }, (_, i) => `${round}, question ${i}: what do you see?`)

const model = await openModel(config)
const server = await startServer(config)
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' })

const stepsOfModel = async () => model.engine.stats().steps

async function stepsOfServer(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(/^aerie_engine_steps_total (\d+)$/m.exec(text)?.[1])
}

async function direct(questions: readonly string[]): Promise<Took> {
  const left = [...questions]
  const ask = async () => {
    for (let text = left.pop(); text !== undefined; text = left.pop()) {
      const content = [{ type: 'text', text, param: 'messages' } as const]
      const changes = { maxTokens: tokens, minTokens: tokens, priority: 'batch' } as const
      for await (const _ of model.ask(content, changes, new AbortController().signal));
    }
  }
  const took = await clock(stepsOfModel)
  await Promise.all(Array.from({ length: concurrency }, ask))
  return await took()
}

/** From the moment that the first line may run to the last result. */
async function batched(questions: readonly string[]): Promise<Took> {
  const input = questions.map((content, i) => {
    const messages = [{ role: 'user', content }]
    const sampling = { temperature: 0, max_tokens: tokens, min_tokens: tokens }
    const body = { model: 'starter', messages, ...sampling }
    return JSON.stringify({
      custom_id: `${i}`,
      method: 'POST',
      url: '/v1/chat/completions',
      body,
    })
  })
  const file = await toFile(Buffer.from(input.join('\n')), 'in.jsonl')
  const { id: input_file_id } = await client.files.create({ file, purpose: 'batch' })
  const { id } = await client.batches.create({
    ...{ input_file_id, endpoint: '/v1/chat/completions', completion_window: '24h' },
  })
  while ((await client.batches.retrieve(id)).status === 'validating') await delay(10)
  const took = await clock(stepsOfServer)
  for (const begun = performance.now(); ; ) {
    const batch = await client.batches.retrieve(id)
    if (batch.status === 'finalizing' || batch.status === 'completed') break
    if (batch.status !== 'in_progress') throw new Error(`the batch is ${batch.status}`)
    // Looking is work of this very process: seldom while much is left, often at the end.
    const { completed = 0, total = 1 } = batch.request_counts ?? {}
    const msLeft = ((performance.now() - begun) * (total - completed)) / Math.max(1, completed)
    await delay(Math.min(1000, Math.max(10, msLeft / 4)))
  }
  const whole = await took()
  while ((await client.batches.retrieve(id)).status !== 'completed') await delay(50)
  return whole
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!
const speed = ({ wall, steps }: Took) =>
  `${((lines * tokens) / wall).toFixed(0)} tokens/s, ${((lines * tokens) / steps).toFixed(1)} a step`
const perLine = ({ processor, main }: Took) => {
  const [all, ours] = [processor, main].map((seconds) => ((1000 * seconds) / lines).toFixed(2))
  return `${all} ms of processor a line, ${ours} of them in the main thread`
}

try {
  // What is compiled and opened only once is no part of either.
  await direct(questionsOf('warming up'))
  await batched(questionsOf('warming up'))
  const pairs: { readonly own: Took; readonly batch: Took }[] = []
  for (let round = 1; round <= rounds; round++) {
    const questions = questionsOf(`round ${round}`)
    const first = round % 2 === 1 ? await direct(questions) : undefined
    const batch = await batched(questions)
    const own = first ?? (await direct(questions))
    pairs.push({ own, batch })
    console.log(`round ${round}`)
    console.log(`  engine ${speed(own)}, ${perLine(own)}`)
    console.log(`  batch  ${speed(batch)}, ${perLine(batch)}`)
  }
  const ratio = (key: keyof Took) =>
    `${(100 * median(pairs.map(({ own, batch }) => own[key] / batch[key]))).toFixed(1)} %`
  console.log(
    `${lines} lines of ${tokens} tokens, ${concurrency} at a time. Of the engine's own, the batch has`,
  )
  console.log(`  ${ratio('wall')} of the tokens a second`)
  console.log(`  ${ratio('processor')} of the tokens a second of processor`)
  console.log(`  ${ratio('steps')} of the tokens a step`)
} finally {
  await Promise.all([model.close(), server.close()])
  await rm(folder, { recursive: true })
}
