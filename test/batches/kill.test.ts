/** kill -9 at any time: no acknowledged batch is lost, and each line is in its output once. `PROPERTY_RUNS=10000`: 200 kills. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import OpenAI, { toFile } from 'openai'
import { propertyRuns } from '../support/property-runs.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const PROGRAM = fileURLToPath(new URL('../support/batch-server.ts', import.meta.url))
const LINES = 40
const MOST_MS = 250

async function startServer(folder: string) {
  const child = spawn(process.execPath, [PROGRAM, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
  return {
    client: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 }),
    async kill() {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

/** Some of whose lines are refused by the route. */
function inputOf(batch: number): string {
  const lines = Array.from({ length: LINES }, (_, i) => {
    const messages = [{ role: 'user', content: `batch ${batch} line ${i}` }]
    const body = { model: 'echo', messages, ...(i % 7 === 3 && { temperature: 9 }) }
    const custom_id = `${batch}-${i}`
    return JSON.stringify({ custom_id, method: 'POST', url: '/v1/chat/completions', body })
  })
  return lines.join('\n')
}

it('no acknowledged batch is lost, and no line is lost or repeated', async (t) => {
  const { numRuns, seed } = propertyRuns(6, t, 0.02)
  const random = seededRandom(seed)
  await using folder = await temporaryFolder()
  const acknowledged = new Map<string, number>()
  let made = 0

  const create = async (client: OpenAI) => {
    const number = made++
    const file = await toFile(Buffer.from(inputOf(number)), 'in.jsonl')
    const { id } = await client.files.create({ file, purpose: 'batch' })
    const batch = await client.batches.create({
      ...{ input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' },
    })
    acknowledged.set(batch.id, number)
  }

  for (let run = 0; run < numRuns; run++) {
    const server = await startServer(folder.path)
    const creating = random() < 0.6 || run === 0 ? create(server.client) : Promise.resolve()
    const end = creating.catch((error: unknown) => {
      assert.ok(error instanceof OpenAI.APIConnectionError, String(error))
    })
    if (run === 0) await end
    await delay(random() * MOST_MS)
    await server.kill()
    await end
  }

  const server = await startServer(folder.path)
  const { client } = server
  // Those as well that were made and whose answers never came.
  for await (const { id } of client.batches.list({ limit: 7 })) {
    while (!(await client.batches.retrieve(id)).completed_at) await delay(20)
  }
  const named = new Set<string>()
  for await (const batch of client.batches.list({ limit: 7 })) {
    named.add(batch.output_file_id!).add(batch.error_file_id!)
    const number = acknowledged.get(batch.id)
    const idsOf = async (file: string) => {
      const text = await (await client.files.content(file)).text()
      const lines = text.trimEnd().split('\n')
      return lines.map((line) => Number(JSON.parse(line).custom_id.split('-')[1]))
    }
    if (number === undefined) continue
    const [done, failed] = [await idsOf(batch.output_file_id!), await idsOf(batch.error_file_id!)]
    const inOrder = (wrong: boolean) =>
      [...Array(LINES).keys()].filter((i) => (i % 7 === 3) === wrong)
    assert.deepEqual(done, inOrder(false), `${batch.id}: its output, line by line`)
    assert.deepEqual(failed, inOrder(true))
    const { completed, failed: refused, total } = batch.request_counts!
    assert.deepEqual([completed, refused, total], [done.length, failed.length, LINES])
    acknowledged.delete(batch.id)
  }
  assert.deepEqual([...acknowledged], [], 'every acknowledged batch is listed')
  const outputs: string[] = []
  for await (const file of client.files.list({ purpose: 'batch_output' })) outputs.push(file.id)
  assert.deepEqual(new Set(outputs), named, 'no file was made twice')
  await server.kill()
})
