/** Sounds of conversations on the main thread: sources → files on this machine → windows of log-mel. */
import { AerieError } from '../../errors.ts'
import { traced } from '../../tracing/trace.ts'
import { ByteBudget } from '../byte-budget.ts'
import { createFetcher, type Fetcher, type FetcherOptions } from '../fetcher.ts'
import { cancelled, Gate } from '../gate.ts'
import { base64Of, base64Pieces } from './base64-pieces.ts'
import type { SoundToHear } from './hear-sound.ts'
import { type LoadedWindows, type SoundOptions, type SoundStats, Sounds } from './sounds.ts'
import { SoundSpool, type SpooledSound, type SpoolOptions } from './spool.ts'

/** Where a sound comes from. `param` is the request field, for error messages. */
export interface SoundSource extends Pick<SoundToHear, 'part' | 'claim'> {
  /** An http(s) URL or data: URI as the client sent it; bare base64; or a file of this machine that the server itself chose. */
  readonly from:
    | { readonly url: string }
    | { readonly base64: string }
    | {
        readonly path: string
        readonly byteLength: number
        /** Its first sound track is meant, and the bounds of clips hold. */
        readonly isClip?: boolean
      }
  readonly param: string
}

export interface LoadedSound {
  readonly heard: LoadedWindows
  readonly byteLength: number
  /** Undefined for what was not fetched. */
  readonly fetchMs: number | undefined
}

export interface SoundRoomOptions extends SoundOptions {
  readonly spool: SpoolOptions
}

/** Sockets open for sounds at one time. */
const FETCHES = 8
const MiB = 2 ** 20

/** Those of the configuration. */
export const SOUND_DEFAULTS: SoundRoomOptions = {
  workers: 2,
  maxWaiting: 64,
  maxSeconds: 7200,
  timeoutMs: 120_000,
  maxBytesInUse: 512 * MiB,
  ffmpegPath: 'ffmpeg',
  searchPath: '/usr/local/bin:/usr/bin:/bin',
  maxFfmpegBytes: 1024 * MiB,
  spool: { maxFileBytes: 100 * MiB, maxBytes: 1024 * MiB },
}

export class SoundRoom {
  readonly spool: SoundSpool
  /** For files that lie here already. */
  readonly decoder: Sounds
  readonly #maxFileBytes: number
  readonly #fetches: Gate
  readonly #fetch: Fetcher

  constructor(options: SoundRoomOptions, fetch: Omit<FetcherOptions, 'maxBytes' | 'words'>) {
    const { maxFileBytes, maxBytes } = options.spool
    this.spool = new SoundSpool(options.spool)
    this.decoder = new Sounds(options)
    this.#maxFileBytes = maxFileBytes
    this.#fetches = new Gate({
      slots: FETCHES,
      maxWaiting: options.maxWaiting,
      // The bytes themselves are counted by the spool.
      budget: new ByteBudget(maxBytes),
      words: { waiting: 'sounds', full: 'the sounds on disk are too many bytes' },
    })
    this.#fetch = createFetcher({
      ...fetch,
      maxBytes: maxFileBytes,
      words: {
        ...{ subject: 'sound', maxBytes: 'maxSoundBytes', timeout: 'fetchTimeoutMs' },
        accept: 'audio/*',
      },
    })
  }

  /**
   * Brings the sound to the disk and decodes it; its file is gone by then, unless it was the server's own. Give it to `release`
   * when it is no longer needed. Rejects with `invalid_media`, `unsupported_media`, `media_too_large`, `media_fetch_failed`,
   * `queue_full`, `insufficient_storage` or `cancelled`.
   */
  async load(
    source: SoundSource,
    hearing: SoundToHear['hearing'],
    signal: AbortSignal,
  ): Promise<LoadedSound> {
    const { from, param, part, claim } = source
    const asked = { hearing, ...(part && { part }), ...(claim && { claim }) }
    if ('path' in from) {
      const { path, byteLength, isClip = false } = from
      if (!isClip && byteLength > this.#maxFileBytes) {
        const what = `sound is ${byteLength} bytes, maxSoundBytes is ${this.#maxFileBytes}`
        throw new AerieError('media_too_large', `${param}: ${what}`, { param })
      }
      const heard = await this.decoder.hear({ path, byteLength, param }, asked, signal)
      return { heard, byteLength, fetchMs: undefined }
    }
    const start = performance.now()
    const isFetched = 'url' in from && !/^\s*data:/i.test(from.url)
    await using file = isFetched
      ? await traced('fetch', { 'aerie.part': param }, () =>
          this.#fetchFile(from.url, param, signal),
        )
      : await this.#unpack(from, param, signal)
    const fetchMs = isFetched ? performance.now() - start : undefined
    const { path, byteLength } = file
    const heard = await this.decoder.hear({ path, byteLength, param }, asked, signal)
    return { heard, byteLength, fetchMs }
  }

  /** Again is harmless. */
  release({ heard }: LoadedSound): void {
    this.decoder.release(heard)
  }

  stats(): SoundStats {
    const stats = this.decoder.stats()
    // Each of the two has a queue of its own.
    const waiting = stats.waiting + this.#fetches.waiting
    return { ...stats, waiting, maxWaiting: 2 * stats.maxWaiting }
  }

  async dispose(): Promise<void> {
    this.#fetches.close()
    await this.decoder.dispose()
    await this.spool.dispose()
  }

  async #fetchFile(url: string, param: string, signal: AbortSignal): Promise<SpooledSound> {
    const pass = await this.#fetches.enter({ bytes: 0, mayExceed: false, signal })
    try {
      return await this.spool.write(param, (take) =>
        this.#fetch(url, { param, signal, onPiece: take }),
      )
    } finally {
      pass.leave()
      pass.claim.release()
    }
  }

  async #unpack(
    from: { readonly url: string } | { readonly base64: string },
    param: string,
    signal: AbortSignal,
  ): Promise<SpooledSound> {
    const text = 'url' in from ? base64Of(from.url.trimStart(), param) : from.base64
    return await this.spool.write(param, async (take) => {
      for await (const piece of base64Pieces(text, param)) {
        if (signal.aborted) throw cancelled()
        await take(piece)
      }
    })
  }
}
