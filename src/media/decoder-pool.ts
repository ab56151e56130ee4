/** The decoders behind one gate. */
import { Decoder, type DecoderOptions } from './decoder.ts'
import type { Call } from './decoder-protocol.ts'
import type { Frame } from './frames.ts'
import type { Entry, Gate, Pass } from './gate.ts'
import type { ClipCall } from './video/clip-protocol.ts'

export interface DecoderPoolOptions extends DecoderOptions {
  readonly workers: number
  /** Lets in as many at a time as there are workers. */
  readonly gate: Gate
}

export class DecoderPool {
  readonly #gate: Gate
  readonly #decoders: readonly Decoder[]
  readonly #idle: Decoder[]

  constructor(options: DecoderPoolOptions) {
    this.#gate = options.gate
    this.#decoders = Array.from({ length: options.workers }, () => new Decoder(options))
    this.#idle = [...this.#decoders]
  }

  /** Starts every process; rejects when one cannot. */
  async start(): Promise<void> {
    await Promise.all(this.#decoders.map((decoder) => decoder.start()))
  }

  /**
   * Waits for a decoder, has it do the call, and gives its answer to `use` while the bytes are still claimed.
   * The place is free again when the process is, which after an abort is later than this rejects.
   */
  async run<Result>(
    call: Call | ClipCall,
    body: Uint8Array | string,
    entry: Entry,
    use: (answer: Frame, pass: Pass) => Result,
  ): Promise<Result> {
    const pass = await this.#gate.enter(entry)
    const decoder = this.#take(call.picture)
    const { reply, idle } = decoder.run(call, body, entry.signal)
    const answered = reply.then((answer) => use(answer, pass))
    void Promise.allSettled([answered, idle]).then(([result]) => {
      this.#idle.push(decoder)
      if (result.status === 'rejected' || !pass.claim.isHeld) pass.claim.release()
      pass.leave()
    })
    return answered
  }

  /** The decoder that keeps this picture's file, or else one that keeps none, or else the one that has kept its for longest. */
  #take(picture: number): Decoder {
    const keeper = this.#idle.findIndex(({ kept }) => kept === picture)
    const vacant = this.#idle.findLastIndex(({ kept }) => kept === undefined)
    const [decoder] = this.#idle.splice(keeper >= 0 ? keeper : Math.max(vacant, 0), 1)
    // The gate lets in no more than there are.
    return decoder!
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#decoders.map((decoder) => decoder.dispose()))
  }
}
