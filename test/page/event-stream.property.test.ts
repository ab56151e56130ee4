/** Server-sent events however the network cuts them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pageModule } from '../support/page-modules.ts'
import { propertyRuns } from '../support/property-runs.ts'

const { eventData } = await pageModule<{
  eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string>
}>('api/event-stream.js')

function cutAt(bytes: Uint8Array, cuts: readonly number[]): ReadableStream<Uint8Array> {
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  )
  const pieces = places.map((place, i) => bytes.subarray(places[i - 1] ?? 0, place))
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
}

describe('the stream of an answer', () => {
  it('gives the same events wherever it is cut, in the middle of characters too', async (t) => {
    const data = fc
      .string({ unit: 'grapheme', maxLength: 12 })
      .map((text) => JSON.stringify({ text }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(data, fc.boolean(), fc.constantFrom('\n', '\r\n')), { maxLength: 6 }),
        fc.array(fc.nat(400), { maxLength: 8 }),
        async (events, cuts) => {
          const text = events
            .map(
              ([json, hasComment, end]) =>
                `${hasComment ? `: still here${end}${end}` : ''}data: ${json}${end}${end}`,
            )
            .join('')
          const stream = cutAt(new TextEncoder().encode(text), cuts)
          const seen: string[] = []
          for await (const one of eventData(stream)) seen.push(one)
          assert.deepEqual(
            seen,
            events.map(([json]) => json),
          )
        },
      ),
      propertyRuns(200, t),
    )
  })

  it('is let go of by whoever has enough of it', async () => {
    let isCancelled = false
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
      cancel() {
        isCancelled = true
      },
    })
    for await (const data of eventData(stream)) {
      assert.equal(data, '1')
      break
    }
    assert.ok(isCancelled)
  })
})
