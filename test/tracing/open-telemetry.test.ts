/** Spans on their way to a collector: encodings, bounds, and collectors that are not there. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { ERROR_STATUS } from '../../src/http/openai-error.ts'
import { machineMs } from '../../src/machine-clock.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startTracing, type TracingOptions } from '../../src/tracing/open-telemetry.ts'
import { currentSpan, runInSpan, traced } from '../../src/tracing/trace.ts'
import { freePort } from '../support/free-port.ts'
import { startOtlpReceiver } from '../support/otlp-receiver.ts'

const NO_HEADERS = { traceparent: undefined, tracestate: undefined }

function open(url: string, more: Partial<TracingOptions> = {}) {
  const lines: string[] = []
  const logger = createLogger({
    ...{ level: 'info', pretty: false },
    stream: { write: (line) => void lines.push(line) },
  })
  const tracing = startTracing({
    ...{ url, protocol: 'http/protobuf', headers: {}, logger, delayMs: 5 },
    sampling: { isByParent: true, share: 1 },
    resource: { 'deployment.environment.name': 'test' },
    ...{ serverName: 'aerie', version: '1.2.3' },
    ...more,
  })
  return { ...tracing, lines, [Symbol.asyncDispose]: () => tracing.dispose() }
}

describe('spans', () => {
  for (const protocol of ['http/protobuf', 'http/json'] as const)
    it(`are sent as ${protocol}, with their times, parents and attributes`, async () => {
      await using receiver = await startOtlpReceiver()
      await using tracing = open(`${receiver.url}/v1/traces`, {
        ...{ protocol, headers: { 'x-tenant': 'ours' } },
      })
      const root = tracing.request('POST /v1/x', NO_HEADERS, { 'http.route': '/v1/x' })
      const begun = machineMs()
      await runInSpan(root, async () => {
        await traced('fetch', { 'aerie.bytes': 7, 'aerie.cached': true }, async () => {
          currentSpan().add('decode', begun + 1, begun + 3.5, { list: ['a', 'b'], none: undefined })
          currentSpan().event('cached', begun + 2)
        })
        await assert.rejects(
          traced('encode', {}, async () => Promise.reject(new Error('a secret'))),
        )
      })
      root.end()
      const spans = await receiver.trace(({ parentId }) => parentId === undefined)
      const named = (name: string) => spans.find((span) => span.name === name)!
      const top = named('POST /v1/x')
      assert.deepEqual([top.kind, top.attributes], [2, { 'http.route': '/v1/x' }])
      assert.equal(top.resource['service.name'], 'aerie')
      assert.equal(top.resource['service.version'], '1.2.3')
      assert.equal(top.resource['deployment.environment.name'], 'test')
      const fetch = named('fetch')
      assert.equal(fetch.parentId, top.spanId)
      assert.deepEqual(fetch.attributes, { 'aerie.bytes': 7, 'aerie.cached': true })
      const decode = named('decode')
      assert.deepEqual([decode.parentId, decode.attributes], [fetch.spanId, { list: ['a', 'b'] }])
      assert.ok(Math.abs(decode.end - decode.start - 2.5) < 0.01)
      assert.equal(fetch.events[0]?.name, 'cached')
      assert.ok(Math.abs(fetch.events[0]!.at - decode.start - 1) < 0.01)
      const encode = named('encode')
      assert.deepEqual([encode.status, encode.attributes], [2, { 'error.type': 'internal_error' }])
      assert.ok(Math.abs(top.start - Date.now()) < 3_600_000)
      assert.deepEqual(receiver.paths[0], '/v1/traces')
      assert.equal(receiver.headers[0]?.['x-tenant'], 'ours')
      assert.doesNotMatch(Buffer.concat(receiver.bodies).toString('latin1'), /a secret/)
    })

  it('go on the trace of whoever asks, and are kept where that one is', async () => {
    await using receiver = await startOtlpReceiver()
    await using tracing = open(receiver.url)
    const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
    for (const [traceparent, isKept, goesOn] of [
      [`00-${traceId}-${spanId}-01`, true, true],
      [`00-${traceId}-${spanId}-00`, false, true],
      [`00-${'0'.repeat(32)}-${spanId}-01`, true, false],
      ['nonsense', true, false],
      [undefined, true, false],
    ] as const) {
      const span = tracing.request('GET', { traceparent, tracestate: 'vendor=1' }, {})
      assert.equal(span.isRecording, isKept, String(traceparent))
      assert.equal(span.traceId === traceId, goesOn, String(traceparent))
      assert.match(span.traceparent, isKept ? /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/ : /-00$/)
      span.end()
    }
    await using some = open(receiver.url, { sampling: { isByParent: true, share: 0.25 } })
    const kept = Array.from({ length: 2000 }, () => some.request('GET', NO_HEADERS, {})).filter(
      ({ isRecording }) => isRecording,
    )
    // Six standard deviations around 500.
    assert.ok(Math.abs(kept.length - 500) < 120, `${kept.length} of 2000`)
    await using none = open(receiver.url, { sampling: { isByParent: false, share: 0 } })
    const parent = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: undefined }
    assert.equal(none.request('GET', parent, {}).isRecording, false)
  })

  it('of a batch and its lines find each other, on whichever server', async () => {
    await using receiver = await startOtlpReceiver()
    await using one = open(receiver.url)
    await using other = open(receiver.url)
    const root = one.request('POST /v1/batches', NO_HEADERS, {})
    one.batch('batch_1', root)
    root.end()
    other.line('batch_1', {}).end()
    await receiver.trace(({ name }) => name === 'batch line')
    const [batch] = await receiver.trace(({ name }) => name === 'batch')
    const line = receiver.spans.find(({ name }) => name === 'batch line')!
    assert.deepEqual(line.links, [{ traceId: batch!.traceId, spanId: batch!.spanId }])
    assert.notEqual(line.traceId, batch!.traceId)
    assert.deepEqual(
      batch!.links.map(({ traceId }) => traceId),
      [root.traceId],
    )
    assert.equal(line.attributes['aerie.batch.id'], 'batch_1')
  })

  it('that are too many are dropped and counted, and none is lost otherwise', async () => {
    await using receiver = await startOtlpReceiver()
    await using tracing = open(receiver.url, { maxWaiting: 10, delayMs: 60_000 })
    for (let i = 0; i < 25; i++) tracing.request('GET', NO_HEADERS, {}).end()
    // A full batch is under way, another waits.
    const bounds = { failed: 0, dropped: 5, maxWaiting: 10 }
    assert.deepEqual(tracing.stats(), { ...bounds, sent: 0, waiting: 10 })
    await tracing.dispose()
    assert.equal(receiver.spans.length, 20)
    assert.deepEqual(tracing.stats(), { ...bounds, sent: 20, waiting: 0 })
  })

  it('that wait at the end are all sent, also to a collector that takes its time', async () => {
    let requests = 0
    const slow = createServer((request, response) => {
      requests++
      request.resume().on('end', () => setTimeout(() => response.end(), 200))
    })
    using _ = {
      [Symbol.dispose]() {
        slow.closeAllConnections()
        slow.close()
      },
    }
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
    const { port } = slow.address() as AddressInfo
    await using tracing = open(`http://127.0.0.1:${port}/v1/traces`)
    for (let i = 0; i < 4096; i++) tracing.request('GET', NO_HEADERS, {}).end()
    await tracing.dispose()
    const { sent, failed, dropped } = tracing.stats()
    assert.deepEqual(
      { sent, failed, dropped, requests },
      { sent: 4096, failed: 0, dropped: 0, requests: 32 },
    )
    assert.deepEqual(tracing.lines, [])
  })

  it('that no collector takes are counted and told of once, and hold up nobody', {
    timeout: 60_000,
  }, async () => {
    await using tracing = open(`http://127.0.0.1:${await freePort()}/v1/traces`)
    await using refusing = await startOtlpReceiver()
    refusing.status = 400
    await using refused = open(refusing.url)
    for (let i = 0; i < 5; i++) {
      tracing.request('GET', NO_HEADERS, {}).end()
      refused.request('GET', NO_HEADERS, {}).end()
      await delay(20)
    }
    while (refused.stats().failed < 5) await delay(10)
    assert.equal(refused.lines.filter((line) => line.includes('traces cannot be sent')).length, 1)
    refusing.status = 200
    refused.request('GET', NO_HEADERS, {}).end()
    while (refused.stats().sent < 1) await delay(10)
    assert.match(refused.lines.at(-1)!, /traces are sent again/)
    assert.equal(refused.stats().waiting, 0)
    // Nobody listens there: the end waits a moment and no longer.
    await tracing.dispose()
    const { sent } = tracing.stats()
    assert.equal(sent, 0)
  })

  it('are errors where the server is to blame, as its statuses say', async () => {
    await using receiver = await startOtlpReceiver()
    await using tracing = open(receiver.url)
    const codes = Object.entries(ERROR_STATUS)
    for (const [code] of codes) tracing.request(code, NO_HEADERS, {}).end({ error: code })
    while (receiver.spans.length < codes.length) await delay(10)
    for (const [code, { status }] of codes) {
      const span = receiver.spans.find(({ name }) => name === code)!
      assert.deepEqual([span.status, span.attributes['error.type']], [status >= 500 ? 2 : 0, code])
    }
  })
})
