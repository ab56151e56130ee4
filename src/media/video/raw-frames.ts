/** Puts together what ffmpeg says of its frames and their bytes, which come through two pipes. */

/** A whole frame. */
export interface RawFrame {
  readonly place: number
  /** Seconds of the file's own time. */
  readonly pts: number
  readonly data: Uint8Array
}

export class RawFrames {
  /** Of each place the times of the frames that were reported as decoded; those that left are taken away where bytes are read. */
  readonly times: number[][]
  /** The frame before the one that `onFrame` is told of. */
  held: RawFrame | undefined
  /** Told of a frame before it becomes the held one. */
  onFrame: (next: Pick<RawFrame, 'place' | 'pts'>) => void = () => {}
  readonly #bytes: number
  #pts = 0
  /** Places of frames that have left and whose bytes were not matched yet. */
  readonly #leaving: number[] = []
  #filling: Uint8Array
  #filled = 0
  #spare: Uint8Array
  #waiting: Uint8Array[] = []

  constructor(bytes: number, places: number) {
    this.#bytes = bytes
    this.times = Array.from({ length: places }, () => [])
    this.#filling = new Uint8Array(bytes)
    this.#spare = new Uint8Array(bytes)
  }

  /** A line of standard error. */
  line(line: string): void {
    const pts = /^frame:\d+\s+pts:(-?\d+)/.exec(line)?.[1]
    if (pts !== undefined) this.#pts = Number(pts) / 1e6
    const [, what, place] = /^(decoded|leaving)=(\d+)$/.exec(line.trim()) ?? []
    if (what === 'decoded') this.times[Number(place)]!.push(this.#pts)
    if (what !== 'leaving') return
    this.#leaving.push(Number(place))
    this.#match()
  }

  /** A piece of standard output. */
  bytes(piece: Uint8Array): void {
    for (let at = 0; at < piece.byteLength; ) {
      const part = piece.subarray(at, at + this.#bytes - this.#filled)
      this.#filling.set(part, this.#filled)
      this.#filled += part.byteLength
      at += part.byteLength
      if (this.#filled < this.#bytes) continue
      this.#waiting.push(this.#filling)
      this.#filled = 0
      this.#filling = this.#spare.byteLength > 0 ? this.#spare : new Uint8Array(this.#bytes)
      this.#spare = new Uint8Array(0)
      this.#match()
    }
  }

  /** Throws where a frame has come that was not spoken of, or only a part of one. */
  end(): void {
    if (this.#waiting.length > 0) throw new Error(`${this.#waiting.length} frames without a time`)
  }

  #match(): void {
    while (this.#waiting.length > 0 && this.#leaving.length > 0) {
      const place = this.#leaving.shift()!
      const data = this.#waiting.shift()!
      const pts = this.times[place]!.shift()
      if (pts === undefined) throw new Error('a frame has left that was not decoded')
      this.onFrame({ place, pts })
      if (this.held) this.#spare = this.held.data
      this.held = { place, pts, data }
    }
  }
}
