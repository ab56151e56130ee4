/** What clients hand over: summaries that come back, and messages over a WebSocket. Nothing of it does more than be refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AerieError } from '../../../src/errors.ts'
import { toCreateBody } from '../../../src/http/responses/socket-message.ts'
import { openSummary, sealSummary } from '../../../src/http/responses/summary.ts'
import { propertyRuns } from '../../support/property-runs.ts'

const texts = fc.string({ unit: 'grapheme', minLength: 1 })

test('a summary is opened as it was sealed', (t) => {
  fc.assert(
    fc.property(texts, (said) => {
      assert.equal(openSummary(sealSummary(said), 'p'), said)
    }),
    propertyRuns(200, t),
  )
})

test('a summary that was changed is refused, or is the summary of another text', (t) => {
  fc.assert(
    fc.property(texts, fc.nat(), fc.string(), (said, at, put) => {
      const sealed = sealSummary(said)
      const place = at % (sealed.length + 1)
      const changed = sealed.slice(0, place) + put + sealed.slice(place + 1)
      const opened = orRefused(() => openSummary(changed, 'p'))
      if (opened !== undefined) assert.equal(sealSummary(opened), changed)
    }),
    propertyRuns(500, t),
  )
})

test('bytes that come as a message are the body of a request, or are refused', (t) => {
  const bytes = fc.oneof(
    fc.uint8Array().map((array) => Buffer.from(array)),
    fc.json().map((json) => Buffer.from(json)),
    fc
      .dictionary(
        fc.constantFrom('type', 'stream', 'background', 'generate', 'stream_id', 'x'),
        fc.jsonValue(),
      )
      .map((fields) => Buffer.from(JSON.stringify({ type: 'response.create', ...fields }))),
  )
  fc.assert(
    fc.property(bytes, fc.boolean(), (data, isBinary) => {
      const body = orRefused(() => toCreateBody({ data, isBinary }))
      if (body === undefined) return
      assert.equal(body['stream'], true)
      for (const name of ['type', 'generate', 'stream_id']) assert.ok(!(name in body), name)
      assert.ok(!body['background'])
    }),
    propertyRuns(500, t),
  )
})

/** Undefined where it is refused; whatever else is thrown is a defect. */
function orRefused<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof AerieError && error.code !== 'internal_error') return undefined
    throw error
  }
}
