/** Messages between the server and a decoder process, over one socket: eight bytes of lengths, JSON, raw bytes. */
import type { Writable } from 'node:stream'

export interface Frame {
  /** What the JSON said; the reader of the frame checks its shape. */
  readonly head: unknown
  readonly body: Uint8Array<ArrayBuffer>
}

const MAX_HEAD_BYTES = 1 << 20

/** Puts one frame on the socket; `body`, bytes or Latin-1 text, must not change until it has been written. */
export function writeFrame(socket: Writable, head: object, body: Uint8Array | string = ''): void {
  const json = Buffer.from(JSON.stringify(head))
  const lengths = Uint32Array.of(json.byteLength, body.length)
  socket.write(Buffer.concat([new Uint8Array(lengths.buffer), json]))
  // Text goes to the socket without ever being a Buffer: megabytes of those make the collector stop the world.
  if (typeof body === 'string') socket.write(body, 'latin1')
  else socket.write(body)
}

/** Joins the pieces that a socket delivers; a body is written once, into its own buffer. */
export class FrameReader {
  readonly #maxBodyBytes: number
  #part: 'lengths' | 'head' | 'body' = 'lengths'
  #target = new Uint8Array(8)
  #filled = 0
  #bodyBytes = 0
  #head: unknown

  constructor(options: { readonly maxBodyBytes: number }) {
    this.#maxBodyBytes = options.maxBodyBytes
  }

  /** Returns the frames that this piece completes. Throws RangeError for lengths beyond the bounds. */
  push(piece: Uint8Array): Frame[] {
    const frames: Frame[] = []
    let at = 0
    while (at < piece.byteLength) {
      const n = Math.min(piece.byteLength - at, this.#target.byteLength - this.#filled)
      this.#target.set(piece.subarray(at, at + n), this.#filled)
      this.#filled += n
      at += n
      while (this.#filled === this.#target.byteLength) {
        const frame = this.#next()
        if (frame) frames.push(frame)
      }
    }
    return frames
  }

  #next(): Frame | undefined {
    const done = this.#target
    switch (this.#part) {
      case 'lengths': {
        const [head, body] = new Uint32Array(done.buffer) as unknown as [number, number]
        if (head === 0 || head > MAX_HEAD_BYTES || body > this.#maxBodyBytes) {
          throw new RangeError(`frame of ${head} + ${body} bytes`)
        }
        this.#bodyBytes = body
        return this.#expect('head', head)
      }
      case 'head':
        this.#head = JSON.parse(Buffer.from(done.buffer).toString())
        return this.#expect('body', this.#bodyBytes)
      case 'body':
        this.#expect('lengths', 8)
        return { head: this.#head, body: done }
    }
  }

  #expect(part: 'lengths' | 'head' | 'body', bytes: number): undefined {
    this.#part = part
    this.#target = new Uint8Array(bytes)
    this.#filled = 0
  }
}
