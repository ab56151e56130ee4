/** Where sounds lie while they are received and decoded: files of their own under the system's folder for temporary ones, bounded together. */
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { AerieError } from '../../errors.ts'
import { Spool } from '../spool.ts'

const PLACE = 'the folder for temporary files'

export interface SpoolOptions {
  readonly maxFileBytes: number
  /** Of all sounds at one time. */
  readonly maxBytes: number
}

/** Is removed when it is disposed of. */
export interface SpooledSound extends AsyncDisposable {
  readonly path: string
  readonly byteLength: number
}

export class SoundSpool {
  readonly #options: SpoolOptions
  readonly #spool = new Spool(tmpdir(), { kind: 'sounds', place: PLACE })
  #bytes = 0

  constructor(options: SpoolOptions) {
    this.#options = options
  }

  stats(): { readonly bytes: number; readonly maxBytes: number } {
    return { bytes: this.#bytes, maxBytes: this.#options.maxBytes }
  }

  /** As `write`, of a source that is read. */
  async receive(source: AsyncIterable<Uint8Array>, param: string): Promise<SpooledSound> {
    return await this.write(param, async (take) => {
      for await (const piece of source) await take(piece)
    })
  }

  /**
   * Takes what `pour` gives, piece by piece. Rejects with `media_too_large`, `queue_full`, `insufficient_storage`,
   * `storage_failure`, or what `pour` throws; then nothing is left.
   */
  async write(
    param: string,
    pour: (take: (piece: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<SpooledSound> {
    const path = await this.#spool.path()
    let byteLength = 0
    const remove = async () => {
      this.#bytes -= byteLength
      byteLength = 0
      await rm(path, { force: true })
    }
    try {
      await this.#spool.write(path, (take) =>
        pour(async (piece) => {
          this.#claim(byteLength, piece.byteLength, param)
          byteLength += piece.byteLength
          await take(piece)
        }),
      )
    } catch (error) {
      await remove()
      throw error
    }
    return { path, byteLength, [Symbol.asyncDispose]: remove }
  }

  async dispose(): Promise<void> {
    await this.#spool.dispose()
  }

  #claim(received: number, more: number, param: string): void {
    const { maxFileBytes, maxBytes } = this.#options
    if (received + more > maxFileBytes) {
      const what = `expected at most ${maxFileBytes} bytes (maxSoundBytes)`
      throw new AerieError('media_too_large', `${param}: ${what}`, { param })
    }
    if (this.#bytes + more > maxBytes) {
      const what = `the sounds that are being worked on have ${maxBytes} bytes (soundSpoolBytes); try again later`
      throw new AerieError('queue_full', what, { retryAfterSeconds: 2 })
    }
    this.#bytes += more
  }
}
