/** Where sounds lie while they are received and decoded: files of their own under the system's folder for temporary ones, bounded together. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { AerieError } from '../../errors.ts'
import { isProcessAlive } from '../../process-alive.ts'

/** With the machine's name and the process's id, so that another process knows whose it is. */
const PREFIX = `aerie-sounds-${hostname()}-`

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
  #folder: Promise<string> | undefined
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
   * Takes what `pour` gives, piece by piece. Rejects with `media_too_large`, `queue_full`, `insufficient_storage`, or what
   * `pour` throws; then nothing is left.
   */
  async write(
    param: string,
    pour: (take: (piece: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<SpooledSound> {
    this.#folder ??= makeFolder()
    const path = join(await this.#folder, randomUUID())
    let byteLength = 0
    const remove = async () => {
      this.#bytes -= byteLength
      byteLength = 0
      await rm(path, { force: true })
    }
    try {
      await using file = await open(path, 'wx', 0o600)
      await pour(async (piece) => {
        this.#claim(byteLength, piece.byteLength, param)
        byteLength += piece.byteLength
        await file.writeFile(piece)
      })
    } catch (error) {
      await remove()
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      const what = 'the disk of the folder for temporary files is full'
      throw new AerieError('insufficient_storage', `${param}: ${what}`, { param, cause: error })
    }
    return { path, byteLength, [Symbol.asyncDispose]: remove }
  }

  async dispose(): Promise<void> {
    const folder = this.#folder
    if (folder) await rm(await folder, { recursive: true, force: true })
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

/** A folder for this process alone; those that killed processes of this machine left are removed. */
async function makeFolder(): Promise<string> {
  for (const name of await readdir(tmpdir())) {
    const id = name.startsWith(PREFIX) && /^(\d+)-\w{6}$/.exec(name.slice(PREFIX.length))?.[1]
    if (id && !isProcessAlive(Number(id)))
      await rm(join(tmpdir(), name), { recursive: true, force: true })
  }
  return await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`))
}
