/**
 * kill -9 at any time, of a whole server with the starter: no acknowledged batch is lost, each line is in its files once, and what
 * was finished is not run again. `PROPERTY_RUNS=10000`: 200 kills.
 */
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'
import { BatchWitness, type Station } from '../support/batch-witness.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type ServeProcess, spawnServer } from '../support/serve-process.ts'
import { pictureUri } from '../support/server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Of most batches, and of the few that are read in two portions. */
const [FEW, MANY] = [60, 700]
const PICTURES = ['red-circle-blue-square.png', 'purple-heart.png']
/** When a server is killed: so many milliseconds at most behind what is waited for. */
const INSTANTS = { starting: 0, creating: 120, reading: 60, running: 20, writing: 40, ended: 60 }
type Instant = keyof typeof INSTANTS
const STATIONS: readonly Station[] = ['reading', 'running', 'writing files', 'ended']

const clientAt = (url: string) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })

const isRefused = (line: number) => line % 7 === 3

/** Lines with and without a picture, some of which are refused by the route. */
async function inputOf(batch: number, lines: number): Promise<string> {
  const pictures = await Promise.all(PICTURES.map((name) => pictureUri(name)))
  return Array.from({ length: lines }, (_, i) => {
    const text = { type: 'text', text: `batch ${batch}, line ${i}: what is this?` }
    const url = pictures[i % pictures.length]!
    const seen = i % 20 === 5 ? [{ type: 'image_url', image_url: { url } }] : []
    const messages = [{ role: 'user', content: [...seen, text] }]
    const wrong = isRefused(i) ? { temperature: 9 } : {}
    const body = { model: 'starter', max_tokens: 8, messages, ...wrong }
    const url_ = { method: 'POST', url: '/v1/chat/completions' }
    return JSON.stringify({ custom_id: `${batch}-${i}`, ...url_, body })
  }).join('\n')
}

it('no acknowledged batch is lost, and no line is lost, repeated or run again once it is finished', async (t) => {
  const { numRuns, seed } = propertyRuns(6, t, 0.02)
  const random = seededRandom(seed)
  await using folder = await temporaryFolder()
  const dataDir = join(folder.path, 'data')
  await mkdir(dataDir, { mode: 0o700 })
  const witness = new BatchWitness(join(dataDir, 'batches'), join(folder.path, 'copy'))
  const sizes: number[] = []
  const acknowledged = new Set<string>()
  const struck = new Map<Station | 'starting', number>()

  const start = () =>
    spawnServer(['--data-dir', dataDir, '--max-running', '4', '--max-batches', '1000'])
  const open = async (server: ServeProcess) => {
    const url = await server.url
    assert.ok(url !== undefined, 'a server that is not killed starts')
    return clientAt(url)
  }
  const create = async (client: OpenAI) => {
    const lines = random() < 0.1 ? MANY : FEW
    const number = sizes.push(lines) - 1
    const file = await toFile(Buffer.from(await inputOf(number, lines)), 'in.jsonl')
    const { id } = await client.files.create({ file, purpose: 'batch' })
    const batch = await client.batches.create({
      ...{ input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' },
      metadata: { number: `${number}` },
    })
    acknowledged.add(batch.id)
  }
  const look = async (client: OpenAI) => {
    const { data } = await client.batches.list({ limit: 100 })
    for (const { id, request_counts: counts } of data) {
      witness.told(id, counts!.completed + counts!.failed)
    }
    return data
  }
  /** Resolves at the instant, or when nothing is under way any more. */
  const until = async (client: OpenAI, instant: Instant) => {
    const before = await look(client)
    const hasEnded = new Set(before.filter((batch) => batch.completed_at).map(({ id }) => id))
    const share = random()
    for (let batches = before; ; batches = await look(client)) {
      const underWay = batches.filter((batch) => !batch.completed_at)
      if (underWay.length === 0) return
      const isThere = batches.some(({ id, status, completed_at, request_counts: counts }) => {
        if (instant === 'running') {
          const done = counts!.completed + counts!.failed
          return status === 'in_progress' && done > share * counts!.total
        }
        if (instant === 'writing') return status === 'finalizing'
        return completed_at && !hasEnded.has(id)
      })
      if (isThere) return
    }
  }

  let startMs = 0
  for (let run = 0; run < numRuns; run++) {
    const instants = Object.keys(INSTANTS) as Instant[]
    const instant = run === 0 ? 'reading' : instants[Math.floor(random() * instants.length)]!
    const began = performance.now()
    // Also where something is not as it should be: no test leaves a server behind.
    await using server = start()
    if (instant === 'starting') {
      await delay(random() * startMs)
      await server.kill()
      // It may have begun already.
      await witness.look()
      struck.set('starting', 1 + (struck.get('starting') ?? 0))
      continue
    }
    const client = await open(server)
    startMs = performance.now() - began
    const isIdle = (await look(client)).every((batch) => batch.completed_at)
    const isNew = isIdle || instant === 'creating' || instant === 'reading'
    const creating = isNew ? create(client) : Promise.resolve()
    const end = creating.catch((error: unknown) => {
      assert.ok(error instanceof OpenAI.APIConnectionError, String(error))
    })
    if (instant !== 'creating') await creating
    if (instant !== 'creating' && instant !== 'reading') await until(client, instant)
    await delay(random() * INSTANTS[instant])
    await server.kill()
    await end
    for (const station of await witness.look()) struck.set(station, 1 + (struck.get(station) ?? 0))
  }

  await using server = start()
  const client = await open(server)
  // Those as well that were made and whose answers never came.
  const batches: OpenAI.Batches.Batch[] = []
  for await (const { id } of client.batches.list({ limit: 100 })) {
    let batch = await client.batches.retrieve(id)
    while (!batch.completed_at) {
      assert.ok(['validating', 'in_progress', 'finalizing'].includes(batch.status), batch.status)
      await delay(20)
      batch = await client.batches.retrieve(id)
    }
    batches.push(batch)
  }
  const listed = new Set(batches.map(({ id }) => id))
  assert.deepEqual(
    [...acknowledged].filter((id) => !listed.has(id)),
    [],
    'none is lost',
  )

  const named = new Set<string>()
  let dropped = 0
  for (const batch of batches) {
    const number = Number(batch.metadata!['number'])
    const linesOf = async (file: string) => {
      named.add(file)
      const text = await (await client.files.content(file)).text()
      return text
        .trimEnd()
        .split('\n')
        .map((line) => {
          const { custom_id, response, error } = JSON.parse(line)
          const [of, index] = custom_id.split('-').map(Number)
          assert.equal(of, number)
          witness.check(batch.id, index + 1, line)
          return { index, status: response?.status_code, hasError: error !== null }
        })
    }
    const done = await linesOf(batch.output_file_id!)
    const failed = await linesOf(batch.error_file_id!)
    for (const lines of [done, failed]) {
      const order = lines.map(({ index }) => index)
      assert.deepEqual(
        order,
        order.toSorted((a, b) => a - b),
        `${batch.id}: in order`,
      )
    }
    assert.ok(done.every(({ status, index }) => status === 200 && !isRefused(index)))
    assert.ok(
      failed.every(
        ({ status, index, hasError }) => hasError || (status === 400 && isRefused(index)),
      ),
    )
    dropped += failed.filter(({ hasError }) => hasError).length
    const all = [...done, ...failed].map(({ index }) => index).toSorted((a, b) => a - b)
    assert.deepEqual(all, [...Array(sizes[number]!).keys()], `${batch.id}: each line once`)
    const { completed, failed: refused, total } = batch.request_counts!
    assert.deepEqual([completed, refused, total], [done.length, failed.length, sizes[number]])
  }
  const outputs: string[] = []
  for await (const file of client.files.list({ purpose: 'batch_output' })) outputs.push(file.id)
  assert.deepEqual(new Set(outputs), named, 'no file was made twice')
  await server.kill()

  const { results, interrupted } = witness.seen
  const lines = batches.reduce((all, batch) => all + batch.request_counts!.total, 0)
  const counted = [...struck].map(([station, times]) => `${station} ${times}`).join(', ')
  t.diagnostic(`${numRuns} kills (${counted}), ${batches.length} batches, ${lines} lines`)
  t.diagnostic(`${results} results were found after a kill and are unchanged`)
  t.diagnostic(`${interrupted} times a line was cut off; ${dropped} failed after four times`)
  if (numRuns < 100) return
  for (const station of STATIONS) assert.ok(struck.has(station), `no kill while ${station}`)
})
