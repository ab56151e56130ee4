/** Limits of keys in whole servers: tokens, pixels and bytes of real answers, files that are read again, and replicas. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import OpenAI, { toFile } from 'openai'
import { freePort } from '../support/free-port.ts'
import { NO_POSTGRES, startPostgres } from '../support/postgres-server.ts'
import { metric, pictureUri, startTestServer } from '../support/server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const AERIE = fileURLToPath(new URL('../../bin/aerie.js', import.meta.url))

interface Explained {
  readonly aerie: {
    readonly images: readonly { readonly width: number; readonly height: number }[]
  }
}

/** So much that what comes back while the test runs is less than what it looks at. */
const LARGE = {
  tokensPerMinute: 4000,
  mediaPixelsPerMinute: 1_000_000,
  mediaBytesPerMinute: 500_000,
}

async function serveLimited(folder: string, limits: object) {
  const [keys, rules] = [join(folder, 'keys'), join(folder, 'limits.json')]
  await writeFile(keys, 'ward:ward-key\nother:other-key\n')
  await writeFile(rules, JSON.stringify(limits))
  const server = await startTestServer({ apiKeysFile: keys, limitsFile: rules })
  const client = (key: string) =>
    new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key, maxRetries: 0 })
  return { ...server, client, [Symbol.asyncDispose]: () => server.close() }
}

function askAbout(client: OpenAI, url: string, more: object = {}) {
  const content = [
    { type: 'text' as const, text: 'What is in the picture?' },
    { type: 'image_url' as const, image_url: { url } },
  ]
  const messages = [{ role: 'user' as const, content }]
  const body = { model: 'starter', messages, max_tokens: 8, ...more }
  return client.chat.completions.create(body as OpenAI.ChatCompletionCreateParamsNonStreaming)
}

/** Of a header, with what has come back since. */
async function spent(client: OpenAI, of: 'tokens' | 'media-pixels' | 'media-bytes') {
  const { response } = await client
    .post('/tokenize', {
      ...{ body: { model: 'starter', prompt: 'x' } },
    })
    .withResponse()
  const value = (what: string) => Number(response.headers.get(`x-ratelimit-${what}-${of}`))
  return value('limit') - value('remaining')
}

describe('limits of a server', () => {
  it('take what an answer may cost beforehand, and what it did cost in the end', async () => {
    await using folder = await temporaryFolder()
    await using server = await serveLimited(folder.path, { keys: { ward: LARGE } })
    const client = server.client('ward-key')
    const picture = await pictureUri('red-circle-blue-square.png')
    const begun = performance.now()
    const { data: answer, response } = await askAbout(client, picture, {
      ...{ max_tokens: 200, aerie: { explain: true } },
    }).withResponse()
    const total = answer.usage!.total_tokens
    assert.ok(total < 150, 'the answer is shorter than it might have been')
    const told = Number(response.headers.get('x-ratelimit-remaining-tokens'))
    assert.ok(told > 0)
    const tokens = await spent(client, 'tokens')
    assert.ok(tokens <= total, `${tokens} of ${total} are used`)
    // What has come back since is known: never more than the pixels of the picture, and never less than those without it.
    const [seen] = (answer as unknown as Explained).aerie.images
    const pixels = seen!.width * seen!.height
    const first = await spent(client, 'media-pixels')
    const back = ((performance.now() - begun) / 60_000) * LARGE.mediaPixelsPerMinute
    assert.ok(first <= pixels + 1 && first >= pixels - back - 1, `${first} of ${pixels} pixels`)
    // None again where its features are known.
    await askAbout(client, picture)
    assert.ok((await spent(client, 'media-pixels')) <= first)
    assert.ok((await spent(client, 'media-bytes')) <= 2 * picture.length)
    // Another key has none of these.
    const free = await askAbout(server.client('other-key'), picture).withResponse()
    assert.equal(free.response.headers.get('x-ratelimit-limit-tokens'), null)
  })

  it('refuse what cannot fit before anything is decoded, and say so in words that clients understand', async () => {
    await using folder = await temporaryFolder()
    await using server = await serveLimited(folder.path, {
      keys: {
        ward: { tokensPerMinute: 300 },
        other: { mediaPixelsPerMinute: 100 },
        anonymous: { mediaBytesPerMinute: 10 },
      },
    })
    const picture = await pictureUri('red-circle-blue-square.png')
    const refusal = async (promise: Promise<unknown>) => {
      const error = await promise.catch((raised: unknown) => raised)
      assert.ok(error instanceof OpenAI.RateLimitError, String(error))
      return error
    }
    const long = await refusal(askAbout(server.client('ward-key'), picture, { max_tokens: 290 }))
    assert.deepEqual(
      [long.type, long.code, long.headers?.get('x-should-retry')],
      ['tokens', 'rate_limit_exceeded', 'false'],
    )
    assert.match(
      long.message,
      /request too large for ward on tokens per minute: limit 300, requested \d+;/,
    )
    // Without a bound of its own the answer gets what there is.
    const { data } = await askAbout(server.client('ward-key'), picture, {
      max_tokens: null,
    }).withResponse()
    assert.ok(data.choices[0]?.message.content)
    const big = await refusal(askAbout(server.client('other-key'), picture))
    assert.deepEqual([big.type, big.param], ['media_pixels', 'messages'])
    const headers = { authorization: 'Bearer other-key' }
    const tiles = () => metric(server.url, 'aerie_tiles_encoded_total', headers)
    const encoded = await tiles()
    assert.ok(encoded !== undefined && encoded > 0)
    const again = await refusal(askAbout(server.client('other-key'), picture))
    assert.equal(again.headers?.get('x-should-retry'), 'false')
    assert.equal(await tiles(), encoded)
  })

  it('give back what a client that leaves has not had', { timeout: 120_000 }, async () => {
    await using folder = await temporaryFolder()
    await using server = await serveLimited(folder.path, {
      default: { tokensPerMinute: 2000, concurrentRequests: 2 },
    })
    const client = server.client('ward-key')
    const body = {
      ...{ model: 'starter', max_tokens: 1000, min_tokens: 1000, stream: true as const },
      messages: [{ role: 'user' as const, content: 'Say hello.' }],
    }
    for (let i = 0; i < 4; i++) {
      const stream = await client.chat.completions.create(body)
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
    }
    const last = Date.now() + 60_000
    let used = Number.POSITIVE_INFINITY
    while (used > 1000 && Date.now() < last) {
      await delay(20)
      used = await spent(client, 'tokens')
    }
    assert.ok(used <= 1000, `${used} tokens are still used`)
    const { response } = await client
      .post('/tokenize', {
        body: { model: 'starter', prompt: 'x' },
      })
      .withResponse()
    assert.equal(response.headers.get('x-ratelimit-remaining-concurrent-requests'), '1')
  })
})

it('lines of a batch take no tokens of its key, whoever made it', {
  timeout: 120_000,
}, async () => {
  await using folder = await temporaryFolder()
  await using server = await serveLimited(folder.path, { default: { tokensPerMinute: 100 } })
  const client = server.client('ward-key')
  const lines = Array.from({ length: 4 }, (_, i) => ({
    ...{ custom_id: `line-${i}`, method: 'POST', url: '/v1/chat/completions' },
    body: {
      ...{ model: 'starter', max_tokens: 90, min_tokens: 90 },
      messages: [{ role: 'user', content: 'Say hello.' }],
    },
  }))
  const text = lines.map((line) => JSON.stringify(line)).join('\n')
  const file = await client.files.create({
    file: await toFile(Buffer.from(text), 'lines.jsonl'),
    purpose: 'batch',
  })
  let batch = await client.batches.create({
    ...{ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
  })
  while (batch.status !== 'completed') {
    assert.ok(!['failed', 'expired', 'cancelled'].includes(batch.status), batch.status)
    await delay(20)
    batch = await client.batches.retrieve(batch.id)
  }
  assert.deepEqual(batch.request_counts, { total: 4, completed: 4, failed: 0 })
  assert.equal(await spent(client, 'tokens'), 0)
})

/** A process, so that it can be told to read its files again. */
async function startProcess(dataDir: string, settings: Readonly<Record<string, string>>) {
  const port = await freePort()
  const child = spawn(process.execPath, [AERIE, 'serve', '--port', `${port}`], {
    env: { ...process.env, ...settings, AERIE_DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (log += piece))
  const url = `http://127.0.0.1:${port}`
  while (!(await fetch(`${url}/readyz`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error(log)
    await delay(50)
  }
  const said = async (what: RegExp) => {
    while (!what.test(log)) {
      if (child.exitCode !== null) throw new Error(log)
      await delay(20)
    }
    log = ''
  }
  const ask = async (key: string) => {
    const response = await fetch(`${url}/v1/tokenize`, {
      method: 'POST',
      body: JSON.stringify({ model: 'starter', prompt: 'x' }),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    })
    return { status: response.status, limit: response.headers.get('x-ratelimit-limit-requests') }
  }
  return {
    ...{ url, ask, said },
    hangUp: () => child.kill('SIGHUP'),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

it('keys and limits are read again together on SIGHUP, and neither where one is broken', {
  timeout: 180_000,
}, async () => {
  await using folder = await temporaryFolder()
  const [keys, limits] = [join(folder.path, 'keys'), join(folder.path, 'limits.yaml')]
  await writeFile(keys, 'ward:ward-key\n')
  await writeFile(limits, 'keys:\n  ward: { requestsPerMinute: 7 }\n  wrad: {}\n')
  await using server = await startProcess(join(folder.path, 'data'), {
    ...{ AERIE_API_KEYS_FILE: keys, AERIE_LIMITS_FILE: limits },
  })
  await server.said(/limits for names that no API key has.*wrad|wrad.*limits for names/)
  assert.deepEqual(await server.ask('ward-key'), { status: 200, limit: '7' })
  await writeFile(keys, 'ward:new-key\n')
  await writeFile(limits, 'keys:\n  ward: { requestsPerMinute: 9 }\n')
  server.hangUp()
  await server.said(/API keys and limits read again/)
  assert.deepEqual(await server.ask('new-key'), { status: 200, limit: '9' })
  assert.equal((await server.ask('ward-key')).status, 401)
  await writeFile(keys, 'ward:newest-key\n')
  await writeFile(limits, 'keys:\n  ward: { requestsPerHour: 9 }\n')
  server.hangUp()
  await server.said(/not read again.*requestsPerHour|requestsPerHour.*not read again/s)
  assert.deepEqual(await server.ask('new-key'), { status: 200, limit: '9' })
  assert.equal((await server.ask('newest-key')).status, 401)
})

it('two replicas share limits by their database, and each keeps them while it is away', {
  skip: NO_POSTGRES,
  timeout: 180_000,
}, async () => {
  await using postgres = await startPostgres()
  await using folder = await temporaryFolder()
  const keys = join(folder.path, 'keys')
  const limits = join(folder.path, 'limits.yaml')
  await writeFile(keys, 'ward:ward-key\n')
  await writeFile(limits, 'default: { requestsPerMinute: 4 }\n')
  const settings = {
    ...{ AERIE_API_KEYS_FILE: keys, AERIE_LIMITS_FILE: limits },
    AERIE_DATABASE_URL: await postgres.createDatabase(),
    // Nobody asks for files here.
    AERIE_OBJECT_STORE: 's3://none/replicas',
    AERIE_OBJECT_STORE_ENDPOINT: 'http://127.0.0.1:9',
  }
  const [one, other] = await Promise.all([
    startProcess(join(folder.path, 'one'), settings),
    startProcess(join(folder.path, 'other'), settings),
  ])
  await using _one = one
  await using _other = other
  const headers = { authorization: 'Bearer ward-key' }
  const ask = async (times: number) => {
    const statuses: number[] = []
    for (let i = 0; i < times; i++)
      statuses.push((await [one, other][i % 2]!.ask('ward-key')).status)
    return statuses.filter((status) => status === 200).length
  }
  const begun = performance.now()
  const served = await ask(10)
  const back = ((performance.now() - begun) / 60_000) * 4
  assert.ok(served >= 4 && served <= 4 + Math.ceil(back), `${served} were served of 4`)
  assert.equal(await metric(one.url, 'aerie_limits_shared', headers), 1)
  await postgres.stop()
  const more = await ask(10)
  const since = ((performance.now() - begun) / 60_000) * 4
  assert.ok(more <= 2 * Math.ceil(since) + 2, `${more} more were served`)
  assert.equal(await metric(one.url, 'aerie_limits_shared', headers), 0)
  await one.said(/limits are not shared with other servers/)
})
