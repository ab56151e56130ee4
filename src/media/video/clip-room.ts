/** Clips on the main thread: sources → files on this machine → what a decoder process says of them. Nothing is decoded here. */
import type { Preprocessing } from '../../../models/preprocessing.ts'
import type { PictureLayout } from '../../../models/tiling/layout.ts'
import { AerieError } from '../../errors.ts'
import { machineMs } from '../../machine-clock.ts'
import { currentSpan } from '../../tracing/trace.ts'
import { ByteBudget, type Claim } from '../byte-budget.ts'
import { CLIP_DECODER } from '../decoder-kinds.ts'
import { DecoderPool } from '../decoder-pool.ts'
import { unwrap } from '../decoder-protocol.ts'
import { createFetcher, type Fetcher, type FetcherOptions } from '../fetcher.ts'
import { ffmpegEnvironment } from '../ffmpeg/environment.ts'
import { Gate } from '../gate.ts'
import { tileBytes } from '../limits.ts'
import { Spool } from '../spool.ts'
import type { MediaLogger } from '../types.ts'
import type { ClipOptions } from './clip-options.ts'
import type { ClipCall, ClipFacts, Found, PreparedClip, Probed } from './clip-protocol.ts'
import type {
  ClipLimits,
  ClipSource,
  ClipStats,
  Clips,
  ClipWindow,
  LoadedClip,
  PreparedFrames,
} from './contract.ts'

export interface ClipSurroundings {
  readonly fetch: Omit<FetcherOptions, 'maxBytes' | 'words'>
  /** Shared with pictures. */
  readonly memory: ByteBudget
  readonly logger: MediaLogger
}

/** Sockets open for clips at one time. */
const FETCHES = 8
/** Tiles of one answer of a decoder: what one buffer is asked to hold. */
const MAX_PIXEL_BYTES = 2 ** 30

interface Held {
  readonly path: string
  readonly facts: ClipFacts
  readonly number: number
  /** Bytes of the spool; none for the server's own files. */
  readonly claim: Claim | undefined
}

export class ClipRoom implements Clips {
  readonly limits: ClipLimits
  readonly #options: ClipOptions
  readonly #spool: Spool
  readonly #disk: ByteBudget
  readonly #fetches: Gate
  readonly #decodes: Gate
  readonly #fetch: Fetcher
  readonly #pool: DecoderPool
  #started: Promise<void> | undefined
  readonly #held = new WeakMap<LoadedClip, Held>()
  readonly #forgotten = new FinalizationRegistry<Held>((held) => this.#drop(held))
  #lastNumber = 0

  constructor(options: ClipOptions, { fetch, memory, logger }: ClipSurroundings) {
    const { workers, maxWaiting, limits, maxSpoolBytes } = options
    this.#options = options
    this.limits = limits
    this.#spool = new Spool(options.spoolFolder, { kind: 'clips', place: 'videoSpoolDir' })
    this.#disk = new ByteBudget(maxSpoolBytes)
    const full = 'the clips on disk are as many bytes as there may be (videoSpoolBytes)'
    this.#fetches = new Gate({
      slots: FETCHES,
      maxWaiting,
      budget: this.#disk,
      words: { waiting: 'clips', full },
    })
    this.#decodes = new Gate({
      slots: workers,
      maxWaiting,
      budget: memory,
      words: {
        waiting: 'clips',
        full: 'the media in memory are as many bytes as there may be (mediaMaxBytesInUse)',
      },
    })
    this.#fetch = createFetcher({
      ...fetch,
      limits: { ...fetch.limits, timeoutMs: options.fetchTimeoutMs },
      maxBytes: limits.maxVideoBytes,
      words: {
        ...{ subject: 'clip', maxBytes: 'maxVideoBytes', timeout: 'videoFetchTimeoutMs' },
        accept: 'video/*',
      },
    })
    this.#pool = new DecoderPool({
      ...CLIP_DECODER,
      env: ffmpegEnvironment(options),
      workers,
      gate: this.#decodes,
      timeoutMs: options.timeoutMs,
      maxBodyBytes: MAX_PIXEL_BYTES,
      // As for pictures; and ffprobe's facts, and filters as text.
      heapMb: 128 + Math.ceil((4 * options.maxTextBytes) / 2 ** 20),
      logger,
    })
  }

  async load({ from, param }: ClipSource, signal: AbortSignal): Promise<LoadedClip> {
    if ('path' in from) {
      this.#checkBytes(from.byteLength, param)
      const call = { path: from.path, isToHash: true, param }
      return await this.#probe(call, '', { claim: undefined, fetchMs: 0, signal })
    }
    if ('base64' in from) return await this.#loadText('base64', from.base64, param, signal)
    if (/^\s*data:/i.test(from.url)) {
      return await this.#loadText('data-uri', from.url.trimStart(), param, signal)
    }
    return await this.#loadUrl(from.url, param, signal)
  }

  async keyframes(
    clip: LoadedClip,
    window: ClipWindow,
    param: string,
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    return await this.#find(clip, { do: 'find-keyframes', window }, param, signal)
  }

  async scenes(
    clip: LoadedClip,
    window: ClipWindow,
    param: string,
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    return await this.#find(clip, { do: 'find-scenes', window }, param, signal)
  }

  async prepare(
    clip: LoadedClip,
    times: readonly number[],
    preprocessing: Preprocessing,
    layout: PictureLayout,
    param: string,
    signal: AbortSignal,
  ): Promise<PreparedFrames> {
    const { maxVideoFrames } = this.limits
    const refuse = (why: string): never => {
      throw new AerieError('media_too_large', `${param}: ${why}`, { param })
    }
    if (times.length > maxVideoFrames) {
      return refuse(`${times.length} frames of one clip, maxVideoFrames is ${maxVideoFrames}`)
    }
    const bytes = times.length * tileBytes(preprocessing, layout)
    if (bytes > MAX_PIXEL_BYTES) {
      return refuse(
        `${times.length} frames are ${bytes} bytes of pixels, at most ${MAX_PIXEL_BYTES}`,
      )
    }
    const call = { do: 'prepare-frames' as const, times, preprocessing, layout }
    const frame = 4 * clip.header.width * clip.header.height
    const entry = { bytes: bytes + 3 * frame, mayExceed: true, signal }
    const about = this.#about(clip, call, param)
    const prepared = await this.#pool.run(about, '', entry, ({ head, body }) => ({
      ...unwrap<PreparedClip>(head),
      pixels: new Float32Array(body.buffer),
    }))
    const { startedAt, decodeMs, preprocessMs } = prepared
    currentSpan().add('decode', startedAt, startedAt + decodeMs + preprocessMs, {
      ...{ 'aerie.part': param, 'aerie.frames': times.length },
      // Each frame is preprocessed as it comes.
      'aerie.preprocess_ms': preprocessMs,
    })
    return prepared
  }

  fileOf(clip: LoadedClip): { readonly path: string; readonly byteLength: number } {
    const held = this.#held.get(clip)
    if (!held) throw new Error('the clip was released')
    return { path: held.path, byteLength: clip.byteLength }
  }

  release(clip: LoadedClip): void {
    const held = this.#held.get(clip)
    if (!held) return
    this.#held.delete(clip)
    this.#forgotten.unregister(clip)
    this.#drop(held)
  }

  stats(): ClipStats {
    return {
      waiting: this.#fetches.waiting + this.#decodes.waiting,
      // Each of the two has a queue of its own.
      maxWaiting: 2 * this.#options.maxWaiting,
      fetching: this.#fetches.inside,
      maxFetching: FETCHES,
      running: this.#decodes.inside,
      workers: this.#options.workers,
      spoolBytes: this.#disk.inUse,
      maxSpoolBytes: this.#disk.max,
    }
  }

  async dispose(): Promise<void> {
    this.#fetches.close()
    this.#decodes.close()
    await this.#pool.dispose()
    await this.#spool.dispose()
  }

  /** Text goes to a decoder as it is, so that no thread of the server ever unpacks it. */
  async #loadText(
    from: 'data-uri' | 'base64',
    text: string,
    param: string,
    signal: AbortSignal,
  ): Promise<LoadedClip> {
    if (Buffer.byteLength(text) !== text.length) {
      const message = `${param}: base64 has a character beyond ASCII`
      throw new AerieError('invalid_media', message, { param })
    }
    const claim = this.#disk.claim(0)
    let path: string | undefined
    try {
      if (!claim.grow(text.length)) throw this.#fetches.full()
      path = await this.#spool.path()
      // Made here and only filled there: what a decoder that was given up writes late is written to no file.
      await this.#spool.write(path, async () => {})
      const call = { path, from, isToHash: true, param }
      return await this.#probe(call, text, { claim, fetchMs: 0, signal })
    } catch (error) {
      if (path !== undefined) this.#spool.remove(path)
      claim.release()
      throw error
    }
  }

  async #loadUrl(url: string, param: string, signal: AbortSignal): Promise<LoadedClip> {
    const start = machineMs()
    const { claim, leave } = await this.#fetches.enter({ bytes: 0, mayExceed: false, signal })
    let path: string | undefined
    try {
      path = await this.#spool.path()
      const { byteLength, sha256 } = await this.#spool.write(path, (take) =>
        this.#fetch(url, {
          param,
          signal,
          onPiece: (piece) => {
            if (!claim.grow(piece.byteLength)) throw this.#fetches.full()
            return take(piece)
          },
        }),
      )
      claim.hold(byteLength)
      leave()
      const fetchMs = machineMs() - start
      const call = { path, isToHash: false, param }
      currentSpan().add('fetch', start, start + fetchMs, {
        'aerie.part': param,
        'aerie.bytes': byteLength,
      })
      return await this.#probe(call, '', { claim, fetchMs, sha256, signal })
    } catch (error) {
      if (path !== undefined) this.#spool.remove(path)
      claim.release()
      throw error
    } finally {
      leave()
    }
  }

  /** What the file is, in a decoder. Its bytes on disk count until it is released; the caller gives them back when this rejects. */
  async #probe(
    call: Pick<Extract<ClipCall, { do: 'probe-clip' }>, 'path' | 'from' | 'isToHash' | 'param'>,
    body: string,
    rest: {
      readonly claim: Claim | undefined
      readonly fetchMs: number
      readonly sha256?: string
      readonly signal: AbortSignal
    },
  ): Promise<LoadedClip> {
    await this.#start()
    const { claim, fetchMs, signal } = rest
    const number = ++this.#lastNumber
    const entry = { bytes: 2 * body.length, mayExceed: claim !== undefined && body === '', signal }
    const { limits } = this
    return await this.#pool.run(
      { do: 'probe-clip', picture: number, limits, ...call },
      body,
      entry,
      ({ head }) => {
        const { header, facts, byteLength, sha256 = rest.sha256 } = unwrap<Probed>(head)
        claim?.hold(byteLength)
        const clip: LoadedClip = { header, byteLength, sha256: sha256!, fetchMs }
        const held = { path: call.path, facts, number, claim }
        this.#held.set(clip, held)
        this.#forgotten.register(clip, held, clip)
        return clip
      },
    )
  }

  async #find(
    clip: LoadedClip,
    call: { do: 'find-keyframes' | 'find-scenes'; window: ClipWindow },
    param: string,
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    const entry = { bytes: 0, mayExceed: true, signal }
    return await this.#pool.run(this.#about(clip, call, param), '', entry, ({ head, body }) => {
      unwrap<Found>(head)
      return Array.from(new Float64Array(body.buffer))
    })
  }

  #about<Rest extends object>(clip: LoadedClip, rest: Rest, param: string) {
    const held = this.#held.get(clip)
    if (!held) throw new Error('the clip was released')
    const { path, facts, number } = held
    return { ...rest, picture: number, param, limits: this.limits, path, facts }
  }

  #drop({ claim, path }: Held): void {
    if (!claim) return
    claim.release()
    this.#spool.remove(path)
  }

  #checkBytes(bytes: number, param: string): void {
    const { maxVideoBytes } = this.limits
    if (bytes <= maxVideoBytes) return
    const message = `${param}: clip is ${bytes} bytes, maxVideoBytes is ${maxVideoBytes}`
    throw new AerieError('media_too_large', message, { param })
  }

  /** Many servers never see a clip, and a decoder takes tens of megabytes. */
  async #start(): Promise<void> {
    this.#started ??= this.#pool.start().catch((error) => {
      // Decoders that did not start are tried again by themselves, and calls wait for them.
      this.#started = Promise.resolve()
      throw error
    })
    await this.#started
  }
}
