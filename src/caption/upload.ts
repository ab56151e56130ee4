/** A clip on the server, for as long as it is asked about. */
import type { CaptionServer } from './caption-server.ts'
import { openContent } from './content.ts'
import { ClipFailure } from './job.ts'
import type { Patience } from './patience.ts'
import { ServerRefusal } from './server-error.ts'

/** A server that keeps losing files is not asked for ever. */
const MOST_UPLOADS = 10
const GOODBYE_MS = 5000

interface UploadedFile {
  readonly id: string
  readonly isPicture: boolean
  /** Hex. */
  readonly sha256: string
}

export interface UploadOptions {
  readonly patience: Patience
  readonly kill: AbortSignal
  /** What is not taken is not sent: throws ClipFailure. */
  takes(isPicture: boolean): void
}

export class Upload implements AsyncDisposable {
  readonly #server: CaptionServer
  readonly #source: string
  readonly #kill: AbortSignal
  #file: UploadedFile
  #renewal: Promise<void> | undefined
  #uploads = 1

  private constructor(
    server: CaptionServer,
    source: string,
    kill: AbortSignal,
    file: UploadedFile,
  ) {
    this.#server = server
    this.#source = source
    this.#kill = kill
    this.#file = file
  }

  /** Rejects with ClipFailure, or as `patience` does. */
  static async open(
    server: CaptionServer,
    source: string,
    { patience, kill, takes }: UploadOptions,
  ): Promise<Upload> {
    const file = await patience.ask(() => send(server, source, kill, takes))
    return new Upload(server, source, kill, file)
  }

  get isPicture(): boolean {
    return this.#file.isPicture
  }

  get sha256(): string {
    return this.#file.sha256
  }

  /** Calls `ask` with the file's id; once more with another, when the server has lost the file or it has expired. */
  async use<T>(ask: (fileId: string) => Promise<T>): Promise<T> {
    const { id } = this.#file
    try {
      return await ask(id)
    } catch (error) {
      if (!(error instanceof ServerRefusal && error.code === 'not_found')) throw error
      if (this.#uploads >= MOST_UPLOADS)
        throw new ClipFailure(
          'not_found',
          `the server lost it ${MOST_UPLOADS} times: ${error.message}`,
        )
      // One for all segments that are asked at this time.
      if (this.#file.id === id) {
        this.#renewal ??= this.#renew()
        await this.#renewal
      }
      return ask(this.#file.id)
    }
  }

  async #renew(): Promise<void> {
    try {
      this.#uploads += 1
      const file = await send(this.#server, this.#source, this.#kill)
      if (file.sha256 !== this.#file.sha256)
        throw new ClipFailure('clip_changed', 'it was changed while it was captioned')
      this.#file = file
    } finally {
      this.#renewal = undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A server that cannot be told now drops the file by itself when it expires.
    await this.#server.deleteFile(this.#file.id, AbortSignal.timeout(GOODBYE_MS)).catch(() => {})
  }
}

async function send(
  server: CaptionServer,
  source: string,
  kill: AbortSignal,
  takes?: UploadOptions['takes'],
): Promise<UploadedFile> {
  await using content = await openContent(source, kill)
  takes?.(content.isPicture)
  const id = await server.upload(content, source, kill)
  return { id, isPicture: content.isPicture, sha256: content.sha256() }
}
