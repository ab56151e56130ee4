/** Traces of whole servers, as a collector gets them: which spans there are, whose children they are, when they were, and what is never in them. */
import assert from 'node:assert/strict'
import { createReadStream, readFileSync } from 'node:fs'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'
import type { RunningServer } from '../../src/main.ts'
import {
  type OtlpReceiver,
  type ReceivedSpan,
  startOtlpReceiver,
} from '../support/otlp-receiver.ts'
import { metric, pictureUri, startTestServer } from '../support/server.ts'
import { SPEECH_WAV, TINY_WHISPER } from '../support/speech-fixture.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const RADIO = resolve(import.meta.dirname, '../fixtures/radio/radio-v25-norm-adaptors')
const PICTURE = resolve(import.meta.dirname, '../../docs/pictures/red-circle-blue-square.png')

/** Of times that two threads took with the same clock: how far the ends of an await are from what it awaits. */
const SLACK_MS = 0.01

function named(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name)
  assert.equal(found.length, 1, `${name} among ${spans.map((span) => span.name).join(', ')}`)
  return found[0]!
}

/** Every span but the root has its parent among them and does not begin before it. */
function assertTree(spans: readonly ReceivedSpan[], root: ReceivedSpan): void {
  for (const span of spans) {
    assert.ok(span.end >= span.start, span.name)
    if (span === root) continue
    const parent = spans.find(({ spanId }) => spanId === span.parentId)
    assert.ok(parent, `${span.name} has its parent`)
    assert.ok(span.start >= parent.start - 1, `${span.name} begins in ${parent.name}`)
  }
}

const isServer = (span: ReceivedSpan) => span.kind === 2
const requestOf = (id: string) => (span: ReceivedSpan) => span.attributes['aerie.request_id'] === id

describe('traces of a server that answers', () => {
  const KEY = 'a-key-that-nobody-may-see'
  let receiver: OtlpReceiver
  let server: RunningServer
  let client: OpenAI
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let pictures: { url: string; close(): void }

  before(async () => {
    folder = await temporaryFolder()
    receiver = await startOtlpReceiver()
    pictures = await servePicture()
    const keys = join(folder.path, 'keys')
    await writeFile(keys, `ward:${KEY}\n`)
    server = await startTestServer({
      ...{ tracing: true, traceEndpoint: receiver.url, apiKeysFile: keys },
      ...{ fetchAllowHttp: true, fetchAllowPrivateAddresses: true },
    })
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: KEY, maxRetries: 0 })
  })
  after(async () => {
    await server.close()
    pictures.close()
    await receiver[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const ask = (content: unknown, more: object = {}, headers: Record<string, string> = {}) =>
    client.chat.completions.create(
      {
        ...{ model: 'starter', max_tokens: 12, messages: [{ role: 'user', content }] },
        ...more,
      } as OpenAI.ChatCompletionCreateParamsNonStreaming,
      { headers },
    )

  it('have a span for each station of a picture, with the times that the answer tells', async () => {
    const content = [
      { type: 'text', text: 'What is in the picture?' },
      { type: 'image_url', image_url: { url: `${pictures.url}/secret-name.png` } },
    ]
    const explained = { aerie: { explain: true }, temperature: 0, seed: 7 }
    const answer = await ask(content, explained, { 'x-request-id': 'pictured' })
    const spans = await receiver.trace(requestOf('pictured'))
    const root = spans.find(isServer)!
    assertTree(spans, root)
    assert.equal(root.name, 'POST /v1/chat/completions')
    assert.equal(root.parentId, undefined)
    const { 'http.response.status_code': status, 'http.route': route } = root.attributes
    assert.deepEqual([status, route], [200, '/v1/chat/completions'])
    assert.equal(root.attributes['aerie.tenant'], 'ward')
    const chat = named(spans, 'chat starter')
    assert.equal(chat.parentId, root.spanId)
    const { usage } = answer
    for (const [attribute, value] of Object.entries({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'aerie',
      'gen_ai.request.model': 'starter',
      'gen_ai.request.max_tokens': 12,
      'gen_ai.request.temperature': 0,
      'gen_ai.request.seed': 7,
      'gen_ai.response.id': answer.id,
      'gen_ai.response.finish_reasons': [answer.choices[0]!.finish_reason],
      'gen_ai.usage.input_tokens': usage!.prompt_tokens,
      'gen_ai.usage.output_tokens': usage!.completion_tokens,
      'aerie.tokens.images': usage!.prompt_tokens_details!.image_tokens,
    }))
      assert.deepEqual(chat.attributes[attribute], value, attribute)
    const stations = [
      'fetch',
      'decode',
      'preprocess',
      'encode',
      'queue',
      'prefill',
      'decode_tokens',
    ]
    const found = stations.map((name) => named(spans, name))
    found.forEach((span, i) => {
      assert.equal(span.parentId, chat.spanId, span.name)
      const before = found[i - 1]
      assert.ok(
        !before || span.start >= before.end - SLACK_MS,
        `${before?.name} before ${span.name}`,
      )
    })
    assert.equal(spans.length, 2 + stations.length)
    // The very times of the answer, and not others like them.
    const told = (answer as unknown as { aerie: { timings_ms: Record<string, number> } }).aerie
    for (const [i, name] of stations.entries()) {
      const { start, end } = found[i]!
      const ms = told.timings_ms[name]!
      // One is timed around its span, the other within.
      const [least, most] = name === 'fetch' ? [0, ms] : [ms, name === 'encode' ? Infinity : ms]
      const took = end - start
      assert.ok(took >= least - SLACK_MS && took <= most + SLACK_MS, `${name}: ${took}, told ${ms}`)
    }
    assert.equal(named(spans, 'decode').attributes['aerie.format'], 'png')
    assert.equal(
      named(spans, 'encode').attributes['aerie.tokens'],
      usage!.prompt_tokens_details!.image_tokens,
    )
    assert.equal(named(spans, 'encode').events[0]?.name, 'started')
    // The same picture again is not decoded.
    await ask(content, {}, { 'x-request-id': 'again' })
    const again = await receiver.trace(requestOf('again'))
    const names = again.map(({ name }) => name)
    assert.ok(!names.includes('decode') && !names.includes('encode'), names.join(', '))
    assert.ok(named(again, 'chat starter').events.some(({ name }) => name === 'cached'))
  })

  it('go on that of the client, stream and all, and say so', async () => {
    const [traceId, spanId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']
    const { data: stream, response } = await client.chat.completions
      .create(
        {
          ...{ model: 'starter', max_tokens: 5, stream: true },
          messages: [{ role: 'user', content: 'Say hello.' }],
        },
        { headers: { traceparent: `00-${traceId}-${spanId}-01` } },
      )
      .withResponse()
    for await (const _ of stream);
    const spans = await receiver.trace((span) => isServer(span) && span.traceId === traceId)
    const root = spans.find(isServer)!
    assert.equal(root.parentId, spanId)
    assert.equal(response.headers.get('traceresponse'), `00-${traceId}-${root.spanId}-01`)
    assert.equal(named(spans, 'chat starter').parentId, root.spanId)
    for (const name of ['queue', 'prefill', 'decode_tokens']) named(spans, name)
    const silent = { traceparent: `00-${'7'.repeat(32)}-${spanId}-00` }
    await ask('Say hello.', {}, { ...silent, 'x-request-id': 'unsampled' })
    await ask('Say hello.', {}, { 'x-request-id': 'after-it' })
    await receiver.trace(requestOf('after-it'))
    assert.ok(!receiver.spans.some(requestOf('unsampled')))
  })

  it('name what went wrong by its code, with the station at which it did', async () => {
    const url = `data:image/png;base64,${Buffer.from('no picture at all').toString('base64')}`
    const broken = [{ type: 'image_url', image_url: { url } }]
    await assert.rejects(ask(broken, {}, { 'x-request-id': 'broken' }))
    const spans = await receiver.trace(requestOf('broken'))
    for (const span of [spans.find(isServer)!, named(spans, 'chat starter')])
      assert.deepEqual(
        [span.attributes['error.type'], span.status],
        ['invalid_media', 0],
        span.name,
      )
    const gone = [{ type: 'image_url', image_url: { url: `${pictures.url}/none.png` } }]
    await assert.rejects(ask(gone, {}, { 'x-request-id': 'gone' }))
    const fetch = named(await receiver.trace(requestOf('gone')), 'fetch')
    assert.equal(fetch.attributes['error.type'], 'media_fetch_failed')
    await assert.rejects(ask('x', { model: 'my-secret-model' }, { 'x-request-id': 'modelless' }))
    const modelless = await receiver.trace(requestOf('modelless'))
    assert.equal(modelless.find(isServer)!.attributes['error.type'], 'model_not_found')
    await assert.rejects(ask('x', { deadlineless: 1 }, { 'x-request-id': 'refused' }))
    const [refused, ...more] = await receiver.trace(requestOf('refused'))
    assert.deepEqual([refused!.attributes['error.type'], more], ['unknown_parameter', []])
    const late = ask(
      'x',
      { max_tokens: 400, min_tokens: 400, aerie: { deadline_ms: 1 } },
      {
        'x-request-id': 'late',
      },
    )
    await assert.rejects(late)
    const root = (await receiver.trace(requestOf('late'))).find(isServer)!
    assert.deepEqual([root.attributes['error.type'], root.status], ['deadline_exceeded', 2])
  })

  it('end where the client left, with what was done until then', { timeout: 120_000 }, async () => {
    const leave = new AbortController()
    const stream = await client.chat.completions.create(
      {
        ...{ model: 'starter', max_tokens: 1000, min_tokens: 1000, stream: true },
        messages: [{ role: 'user', content: 'Say hello.' }],
      } as OpenAI.ChatCompletionCreateParamsStreaming,
      { headers: { 'x-request-id': 'left' }, signal: leave.signal },
    )
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
    leave.abort()
    const spans = await receiver.trace(requestOf('left'))
    const root = spans.find(isServer)!
    assert.equal(root.attributes['error.type'], 'cancelled')
    while (
      !receiver.spans.some((span) => span.traceId === root.traceId && span.name === 'chat starter')
    )
      await delay(10)
    const all = await receiver.trace(requestOf('left'))
    assertTree(all, root)
    const chat = named(all, 'chat starter')
    assert.deepEqual([chat.attributes['error.type'], chat.status], ['cancelled', 0])
    const tokens = named(all, 'decode_tokens').attributes['aerie.tokens'] as number
    assert.ok(tokens > 0 && tokens < 1000, `${tokens} tokens`)
  })

  it('of a batch: one for each line, linked to the batch, which is linked to its request', {
    timeout: 120_000,
  }, async () => {
    const lines = ['one', 'two'].map((text, i) => ({
      ...{ custom_id: `line-${i}`, method: 'POST', url: '/v1/chat/completions' },
      body: { model: 'starter', max_tokens: 4, messages: [{ role: 'user', content: text }] },
    }))
    const text = lines.map((line) => JSON.stringify(line)).join('\n')
    const file = await client.files.create(
      { file: await toFile(Buffer.from(text), 'secret-lines.jsonl'), purpose: 'batch' },
      { headers: { 'x-request-id': 'upload' } },
    )
    const upload = await receiver.trace(requestOf('upload'))
    const received = named(upload, 'receive')
    assert.equal(received.attributes['aerie.bytes'], Buffer.byteLength(text))
    assert.ok(named(upload, 'store').start >= received.end - SLACK_MS)
    const batch = await client.batches.create(
      { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
      { headers: { 'x-request-id': 'batch' } },
    )
    const [created] = await receiver.trace(requestOf('batch'))
    const made = (await receiver.trace(({ name }) => name === 'batch'))[0]!
    assert.equal(made.attributes['aerie.batch.id'], batch.id)
    assert.deepEqual(made.links, [{ traceId: created!.traceId, spanId: created!.spanId }])
    const isLine = (span: ReceivedSpan) => span.name === 'batch line'
    while (receiver.spans.filter(isLine).length < 2) await delay(20)
    for (const line of receiver.spans.filter(isLine)) {
      assert.deepEqual(line.links, [{ traceId: made.traceId, spanId: made.spanId }])
      assert.equal(line.attributes['aerie.batch.id'], batch.id)
      assert.equal(line.parentId, undefined)
      const own = await receiver.trace((span) => span === line)
      assertTree(own, line)
      assert.equal(named(own, 'chat starter').parentId, line.spanId)
      named(own, 'decode_tokens')
    }
  })

  it('never have a word, a picture, an answer, a name of a file, a URL or a key in them', async () => {
    const picture = await pictureUri('red-circle-blue-square.png')
    const answers = ['red-circle-blue-square.png', 'house-tree-car.jpg'].map(async (name) => {
      const about = [
        { type: 'text', text: 'What is in the picture?' },
        { type: 'image_url', image_url: { url: await pictureUri(name) } },
      ]
      return (await ask(about)).choices[0]!.message.content!
    })
    const said = (await Promise.all(answers)).filter((text) => text.length > 8)
    assert.ok(said.length > 0)
    await ask(
      [
        { type: 'text', text: 'Erika Mustermann, born 1964: what is in the picture?' },
        { type: 'image_url', image_url: { url: picture } },
        {
          type: 'file',
          file: {
            filename: 'mustermann-1964.txt',
            file_data: `data:text/plain;base64,${Buffer.from('finding-4711').toString('base64')}`,
          },
        },
      ],
      { user: 'erika-user', stop: ['stop-word-4711'] },
      { 'x-request-id': 'private', traceparent: 'erika', 'user-agent': 'erika-agent/1' },
    )
    await fetch(`${server.url}/v1/models/erika?patient=erika`, {
      headers: { authorization: `Bearer ${KEY}` },
    })
    await fetch(`${server.url}/erika/mustermann`, { headers: { authorization: `Bearer ${KEY}` } })
    await receiver.trace(requestOf('private'))
    await ask('x', {}, { 'x-request-id': 'last' })
    await receiver.trace(requestOf('last'))
    const sent = Buffer.concat(receiver.bodies).toString('latin1')
    assert.ok(sent.includes('/v1/chat/completions'))
    for (const secret of [
      ...['Erika', 'erika', 'ustermann', '4711', 'secret-', KEY, 'my-secret-model'],
      ...[picture.slice(30, 90), ...said, '127.0.0.1', 'What is in'],
    ])
      assert.ok(!sent.includes(secret), `${secret} was sent`)
  })

  it('are counted, and probes and scrapes have none', async () => {
    const headers = { authorization: `Bearer ${KEY}` }
    const sent = await metric(server.url, 'aerie_trace_spans_total{outcome="sent"}', headers)
    assert.ok(sent! >= receiver.spans.length - 20 && sent! > 20)
    assert.equal(await metric(server.url, 'aerie_trace_spans_waiting_max', headers), 4096)
    await fetch(`${server.url}/livez`)
    await ask('x', {}, { 'x-request-id': 'after-probe' })
    await receiver.trace(requestOf('after-probe'))
    assert.ok(!receiver.spans.some(({ name }) => /livez|metrics/.test(name)))
  })
})

it('an embedding has its stations, and a transcript those of each window', {
  timeout: 120_000,
}, async () => {
  await using receiver = await startOtlpReceiver()
  const flags = { tracing: true, traceEndpoint: receiver.url }
  const tower = await startTestServer({ ...flags, model: join(RADIO, 'checkpoint') })
  const png = readFileSync(join(RADIO, 'inputs', 'landscape_64x96.png'), 'base64')
  const clientOf = (url: string) =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  await clientOf(tower.url).embeddings.create({
    ...{ model: 'checkpoint', input: [`data:image/png;base64,${png}`] },
  })
  // What is sent as it closes is not lost.
  await tower.close()
  const embedding = await receiver.trace(isServer)
  const embed = named(embedding, 'embeddings checkpoint')
  assert.equal(embed.attributes['gen_ai.operation.name'], 'embeddings')
  for (const name of ['decode', 'preprocess', 'encode'])
    assert.equal(named(embedding, name).parentId, embed.spanId)
  receiver.spans.length = 0
  const speech = await startTestServer({ ...flags, model: TINY_WHISPER, threads: 1 })
  await clientOf(speech.url).audio.transcriptions.create({
    ...{ file: createReadStream(SPEECH_WAV), model: 'tiny-whisper' },
  })
  await speech.close()
  const transcript = await receiver.trace(isServer)
  assertTree(transcript, transcript.find(isServer)!)
  const task = named(transcript, 'transcribe tiny-whisper')
  named(transcript, 'receive')
  const stations = ['decode', 'queue', 'encode', 'decode_tokens'].map(
    (name) => transcript.find((span) => span.name === name)!,
  )
  stations.forEach((span, i) => {
    assert.equal(span.parentId, task.spanId)
    if (i > 0) assert.ok(span.start >= stations[i - 1]!.end - SLACK_MS, span.name)
  })
})

it('without tracing no header and no figure tells of it', async () => {
  const server = await startTestServer()
  try {
    const response = await fetch(`${server.url}/v1/models`, {
      headers: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    })
    assert.equal(response.headers.get('traceresponse'), null)
    assert.equal(await metric(server.url, 'aerie_trace_spans_total'), undefined)
  } finally {
    await server.close()
  }
})

async function servePicture() {
  const bytes = await readFile(PICTURE)
  const files = createServer((request, response) => {
    if (request.url === '/none.png') response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': 'image/png' }).end(bytes)
  })
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve))
  const { port } = files.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => files.close() }
}

it('a request that waits for its model has the wait as a station, also when the model cannot be loaded', {
  timeout: 120_000,
}, async () => {
  await using receiver = await startOtlpReceiver()
  await using folder = await temporaryFolder()
  const broken = join(folder.path, 'broken')
  await cp(TINY_WHISPER, broken, { recursive: true })
  const models = ['starter', { model: TINY_WHISPER, name: 'whisper' }, { model: broken }]
  const server = await startTestServer({
    ...{ models, threads: 1, tracing: true, traceEndpoint: receiver.url },
  })
  await rm(join(broken, 'config.json'))
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const write = (model: string, id: string) =>
    client.audio.transcriptions.create(
      { file: createReadStream(SPEECH_WAV), model },
      { headers: { 'x-request-id': id } },
    )
  await write('whisper', 'first')
  await write('whisper', 'second')
  await assert.rejects(write('broken', 'refused'), { code: 'model_unavailable' })
  // What is sent as it closes is not lost.
  await server.close()
  const first = await receiver.trace(requestOf('first'))
  const root = first.find(isServer)!
  assertTree(first, root)
  const load = named(first, 'load')
  assert.equal(load.parentId, root.spanId)
  assert.deepEqual(load.attributes, { 'gen_ai.request.model': 'whisper' })
  assert.ok(named(first, 'transcribe whisper').start >= load.end - SLACK_MS)
  const second = await receiver.trace(requestOf('second'))
  assert.ok(!second.some(({ name }) => name === 'load'), 'it was there')
  const refused = named(await receiver.trace(requestOf('refused')), 'load')
  assert.deepEqual(
    [refused.attributes['gen_ai.request.model'], refused.attributes['error.type'], refused.status],
    ['broken', 'model_unavailable', 2],
  )
})
