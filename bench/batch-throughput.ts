#!/usr/bin/env node
/**
 * What a batch makes of the engine: `node bench/batch-throughput.ts [lines [tokens [rounds]]]` has the starter answer so many
 * questions (400) with so many tokens each (32), first as so many clients of the chat room as a batch has lines running, in this
 * process and without HTTP, files or database; then as lines of a batch of a server, from the first line to the last. In turns,
 * three rounds of both. Prints tokens a second of each and the ratio of the medians.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'
import { resolveConfig } from '../src/config.ts'
import { openModel, startServer } from '../src/main.ts'

const [lines = 400, tokens = 32, rounds = 3] = process.argv.slice(2).map(Number)
const folder = await mkdtemp(join(tmpdir(), 'aerie-batches-'))
const config = resolveConfig({ flags: { port: 0, dataDir: folder, logLevel: 'error' } })
const concurrency = 2 * config.maxRunning

const questions = Array.from({ length: lines }, (_, i) => `question ${i}: what do you see?`)

/** Tokens a second of the chat room with so many requests under way. */
async function direct(): Promise<number> {
  const model = await openModel(config)
  try {
    const left = questions.slice(0, 1)
    const client = async () => {
      for (let text = left.pop(); text !== undefined; text = left.pop()) {
        const content = [{ type: 'text', text, param: 'messages' } as const]
        const changes = { maxTokens: tokens, minTokens: tokens, priority: 'batch' } as const
        for await (const _ of model.ask(content, changes, new AbortController().signal));
      }
    }
    // The first request warms up.
    await client()
    left.push(...questions)
    const start = performance.now()
    await Promise.all(Array.from({ length: concurrency }, client))
    return (lines * tokens * 1000) / (performance.now() - start)
  } finally {
    await model.close()
  }
}

/** The same as a batch: from the moment that its first line may run to the last result. */
async function batched(): Promise<number> {
  const server = await startServer(config)
  try {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' })
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
    const until = async (statuses: readonly string[]) => {
      while (!statuses.includes((await client.batches.retrieve(id)).status)) await delay(10)
      return performance.now()
    }
    const start = await until(['in_progress', 'finalizing', 'completed'])
    const end = await until(['finalizing', 'completed'])
    return (lines * tokens * 1000) / (end - start)
  } finally {
    await server.close()
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

try {
  const own: number[] = []
  const ours: number[] = []
  for (let round = 0; round < rounds; round++) {
    own.push(await direct())
    ours.push(await batched())
    console.log(
      `round ${round + 1}: engine ${own.at(-1)!.toFixed(0)}, batch ${ours.at(-1)!.toFixed(0)} tokens/s`,
    )
  }
  const ratio = (100 * median(ours)) / median(own)
  console.log(
    `${lines} lines of ${tokens} tokens, ${concurrency} at a time: the batch has ${ratio.toFixed(1)} % of the engine's own throughput`,
  )
} finally {
  await rm(folder, { recursive: true })
}
