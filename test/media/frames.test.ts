import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Frame, FrameReader, writeFrame } from '../../src/media/frames.ts'

/** The bytes that frames become on the socket. */
function onTheWire(frames: readonly { head: object; body: Uint8Array | string }[]): Buffer {
  const pieces: Buffer[] = []
  const socket = new Writable({
    write(piece: Buffer, _encoding, done) {
      pieces.push(Buffer.from(piece))
      done()
    },
  })
  for (const { head, body } of frames) writeFrame(socket, head, body)
  return Buffer.concat(pieces)
}

describe('frames', () => {
  it('arrive as they were sent, however the socket cuts them', () => {
    const frame = fc
      .tuple(fc.string(), fc.uint8Array())
      .map(([text, body]) => ({ head: { text }, body }))
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 40 })), (frames, cuts) => {
        const wire = onTheWire(frames)
        const reader = new FrameReader({ maxBodyBytes: 100 })
        const received: Frame[] = []
        for (let at = 0, i = 0; at < wire.length; i++) {
          const next = at + (cuts[i] ?? wire.length)
          received.push(...reader.push(wire.subarray(at, next)))
          at = next
        }
        assert.deepEqual(
          received.map(({ head, body }) => ({ head, body: [...body] })),
          frames.map(({ head, body }) => ({ head, body: [...body] })),
        )
      }),
    )
  })

  it('carry text as Latin-1', () => {
    const [frame] = new FrameReader({ maxBodyBytes: 9 }).push(onTheWire([{ head: {}, body: 'aé' }]))
    assert.deepEqual([...frame!.body], [0x61, 0xe9])
  })

  it('beyond the bounds are refused before memory is taken for them', () => {
    const reader = () => new FrameReader({ maxBodyBytes: 100 })
    assert.throws(
      () => reader().push(onTheWire([{ head: {}, body: new Uint8Array(101) }])),
      RangeError,
    )
    const huge = new Uint8Array(new Uint32Array([0xffffffff, 0]).buffer)
    assert.throws(() => reader().push(huge), RangeError)
  })
})
