/** The media room's front: sources → loaded pictures → tiles. Nothing is decoded on this thread. */
import type { Preprocessing } from '../../models/preprocessing.ts'
import type { PictureLayout } from '../../models/tiling/layout.ts'
import { AerieError } from '../errors.ts'
import { currentSpan } from '../tracing/trace.ts'
import { ByteBudget, type Claim } from './byte-budget.ts'
import { PICTURE_DECODER } from './decoder-kinds.ts'
import { DecoderPool } from './decoder-pool.ts'
import { type Opened, type Prepared, unwrap } from './decoder-protocol.ts'
import type { DocumentLimits, Documents, LoadedDocument } from './documents/contract.ts'
import { createDocuments } from './documents/documents.ts'
import { type FetchFile, fileFetcher } from './fetch-file.ts'
import type { FetchWords } from './fetcher.ts'
import { type Entry, Gate } from './gate.ts'
import { checkBytes, decodedBytes, tileBytes } from './limits.ts'
import type { ResolveHost } from './resolve-host.ts'
import { SOUND_DEFAULTS, SoundRoom, type SoundRoomOptions } from './sound/sound-room.ts'
import type {
  FetchLimits,
  ImageContent,
  ImageSource,
  LoadedImage,
  Media,
  MediaLimits,
  MediaLogger,
  MediaStats,
  PreparedImage,
} from './types.ts'
import { CLIP_DEFAULTS, type ClipOptions } from './video/clip-options.ts'
import { ClipRoom } from './video/clip-room.ts'

export interface MediaOptions {
  /** Decoder processes; default 2. */
  readonly workers?: number
  /** Pictures that may wait, for a decoder or to be fetched; beyond that `queue_full`. Default 256. */
  readonly maxWaiting?: number
  /** Default 512 MiB. */
  readonly maxBytesInUse?: number
  /** A picture that takes longer is refused and its decoder replaced. Default 20 s. */
  readonly decodeTimeoutMs?: number
  readonly limits: MediaLimits
  /** What is not named is as in `CLIP_DEFAULTS`. */
  readonly clips?: Partial<ClipOptions>
  /** What is not named is as in `SOUND_DEFAULTS`. */
  readonly sounds?: Partial<SoundRoomOptions>
  /** Default 50 MiB and 500 pages. */
  readonly documents?: DocumentLimits
  readonly fetch: FetchLimits
  readonly logger: MediaLogger
  /** In place of DNS. */
  readonly resolve?: ResolveHost
  /** In place of "is public". */
  readonly isAllowedAddress?: (address: string) => boolean
}

/** Sockets open for pictures and documents at one time. */
const FETCHES = 16

const DOCUMENTS: FetchWords = {
  ...{ subject: 'document', maxBytes: 'maxDocumentBytes', timeout: 'fetchTimeoutMs' },
  accept: 'application/pdf',
}

/** Longer than any sensible `data:image/…;base64,`. */
const DATA_URI_PREFIX = 1000

/** Starts the decoders. Rejects when they cannot start. */
export async function startMedia(options: MediaOptions): Promise<Media> {
  const media = new PictureMedia(options)
  try {
    await media.start()
  } catch (error) {
    await media.dispose()
    throw error
  }
  return media
}

type Held = LoadedImage | LoadedDocument

class PictureMedia implements Media {
  readonly clips: ClipRoom
  readonly sounds: SoundRoom
  readonly #limits: MediaLimits
  readonly #workers: number
  readonly #maxWaiting: number
  readonly #budget: ByteBudget
  readonly #fetches: Gate
  readonly #decodes: Gate
  readonly #fetch: FetchFile
  readonly #pool: DecoderPool
  readonly documents: Documents
  /** Claims of what is loaded, released by the garbage collector's word where nobody released them. */
  readonly #held = new WeakMap<Held, Pick<Claim, 'release'>>()
  /** What the decoders know it by. */
  readonly #numbers = new WeakMap<Held, number>()
  #lastNumber = 0
  readonly #forgotten = new FinalizationRegistry<Pick<Claim, 'release'>>((claim) => claim.release())

  constructor(options: MediaOptions) {
    const { workers = 2, maxWaiting = 256, decodeTimeoutMs = 20_000, logger, limits } = options
    const { documents = { maxDocumentBytes: 50 * 2 ** 20, maxDocumentPages: 500 } } = options
    this.#limits = limits
    this.#workers = workers
    this.#maxWaiting = maxWaiting
    this.#budget = new ByteBudget(options.maxBytesInUse ?? 512 * 2 ** 20)
    this.#fetches = new Gate({ slots: FETCHES, maxWaiting, budget: this.#budget })
    this.#decodes = new Gate({ slots: workers, maxWaiting, budget: this.#budget })
    const fetch = {
      limits: options.fetch,
      ...(options.resolve && { resolve: options.resolve }),
      ...(options.isAllowedAddress && { isAllowed: options.isAllowedAddress }),
    }
    this.#fetch = fileFetcher({ ...fetch, maxBytes: limits.maxImageBytes }, this.#fetches)
    this.clips = new ClipRoom(
      { ...CLIP_DEFAULTS, ...options.clips },
      { fetch, memory: this.#budget, logger },
    )
    this.sounds = new SoundRoom({ ...SOUND_DEFAULTS, ...options.sounds }, fetch)
    this.#pool = new DecoderPool({
      ...PICTURE_DECODER,
      workers,
      gate: this.#decodes,
      timeoutMs: decodeTimeoutMs,
      maxBodyBytes: 2 ** 30,
      // Four characters hold three bytes, and cleaning copies the text up to three times.
      heapMb:
        128 + Math.ceil((4 * Math.max(limits.maxImageBytes, documents.maxDocumentBytes)) / 2 ** 20),
      logger,
    })
    this.documents = createDocuments({
      limits: documents,
      pictureLimits: limits,
      pool: this.#pool,
      fetch: fileFetcher(
        { ...fetch, maxBytes: documents.maxDocumentBytes, words: DOCUMENTS },
        this.#fetches,
      ),
      newNumber: () => ++this.#lastNumber,
      hold: (held, number, claim) => this.#hold(held, number, claim),
      numberOf: (document) => this.#numbers.get(document)!,
      release: (held) => this.#release(held),
    })
  }

  start(): Promise<void> {
    return this.#pool.start()
  }

  async load({ from, param }: ImageSource, signal: AbortSignal): Promise<LoadedImage> {
    if ('bytes' in from) {
      checkBytes(from.bytes.byteLength, this.#limits, param)
      const entry = { bytes: 2 * from.bytes.byteLength, mayExceed: false, signal }
      return this.#open({ from: 'file', body: from.bytes }, param, { entry, fetchMs: 0 })
    }
    if ('path' in from) {
      const { path, byteLength } = from
      checkBytes(byteLength, this.#limits, param)
      const entry = { bytes: byteLength, mayExceed: false, signal }
      return this.#open({ from: 'path', body: path }, param, { entry, fetchMs: 0 })
    }
    if (/^\s*data:/i.test(from.url)) return this.#openDataUri(from.url.trimStart(), param, signal)
    const { bytes, claim, fetchMs } = await this.#fetch(from.url, param, signal)
    try {
      // These bytes are here already: refusing them now would only waste the fetch.
      const entry = { bytes: bytes.byteLength, mayExceed: true, signal }
      return await this.#open({ from: 'file', body: bytes }, param, { entry, fetchMs })
    } finally {
      claim.release()
    }
  }

  async prepare(
    image: LoadedImage,
    preprocessing: Preprocessing,
    layout: PictureLayout,
    param: string,
    signal: AbortSignal,
  ): Promise<PreparedImage> {
    const { content, header } = image
    const { from, body } = content
    const fileBytes = from === 'path' ? image.bytes.byteLength : body.length
    const picture = this.#numbers.get(image) ?? ++this.#lastNumber
    const tiles = { picture, from, header, preprocessing, layout, param, limits: this.#limits }
    const { page } = image
    try {
      const prepared = await this.#pool.run(
        page === undefined
          ? { do: 'prepare', ...tiles }
          : { do: 'prepare-page', ...tiles, page, documents: this.documents.limits },
        body,
        {
          bytes: fileBytes + decodedBytes(header) + tileBytes(preprocessing, layout),
          mayExceed: true,
          signal,
        },
        ({ head, body }) => ({
          ...unwrap<Prepared>(head),
          pixels: new Float32Array(body.buffer),
        }),
      )
      traceDecoding(prepared, image, param)
      return prepared
    } finally {
      this.release(image)
    }
  }

  release(image: LoadedImage): void {
    this.#release(image)
  }

  stats(): MediaStats {
    return {
      waiting: this.#fetches.waiting + this.#decodes.waiting,
      // Each of the two has a queue of its own.
      maxWaiting: 2 * this.#maxWaiting,
      fetching: this.#fetches.inside,
      maxFetching: FETCHES,
      running: this.#decodes.inside,
      workers: this.#workers,
      bytesInUse: this.#budget.inUse,
      maxBytesInUse: this.#budget.max,
      clips: this.clips.stats(),
    }
  }

  async dispose(): Promise<void> {
    this.#fetches.close()
    this.#decodes.close()
    await Promise.all([this.#pool.dispose(), this.clips.dispose(), this.sounds.dispose()])
  }

  #hold(held: Held, number: number, claim: Pick<Claim, 'release'>): void {
    this.#held.set(held, claim)
    this.#numbers.set(held, number)
    this.#forgotten.register(held, claim, held)
  }

  #release(held: Held): void {
    this.#held.get(held)?.release()
    this.#forgotten.unregister(held)
  }

  async #openDataUri(uri: string, param: string, signal: AbortSignal): Promise<LoadedImage> {
    const { maxImageBytes } = this.#limits
    // Three characters a byte is the most that any data URI needs; the decoder counts exactly.
    if (uri.length > 3 * maxImageBytes + DATA_URI_PREFIX) {
      const message = `${param}: data URI has ${uri.length} characters, maxImageBytes is ${maxImageBytes}`
      throw new AerieError('media_too_large', message, { param })
    }
    if (Buffer.byteLength(uri) !== uri.length) {
      throw new AerieError('invalid_media', `${param}: data URI has a character beyond ASCII`, {
        param,
      })
    }
    const entry = { bytes: 2 * uri.length, mayExceed: false, signal }
    return this.#open({ from: 'data-uri', body: uri }, param, { entry, fetchMs: 0 })
  }

  /** Hash, header and limits, in a decoder. The image counts from here on until it is released. */
  #open(
    content: ImageContent,
    param: string,
    { entry, fetchMs }: { readonly entry: Entry; readonly fetchMs: number },
  ): Promise<LoadedImage> {
    const { from, body } = content
    const picture = ++this.#lastNumber
    return this.#pool.run(
      { do: 'open', picture, from, param, limits: this.#limits },
      body,
      entry,
      ({ head }, { claim }) => {
        const { sha256, header, byteLength } = unwrap<Opened>(head)
        const image: LoadedImage = { content, bytes: { byteLength }, sha256, header, fetchMs }
        claim.hold(body.length)
        this.#hold(image, picture, claim)
        return image
      },
    )
  }
}

function traceDecoding(
  { startedAt, decodeMs, preprocessMs }: PreparedImage,
  { header, page }: LoadedImage,
  param: string,
): void {
  const span = currentSpan()
  if (!span.isRecording) return
  const { format, width, height } = header
  const decodedAt = startedAt + decodeMs
  span.add('decode', startedAt, decodedAt, {
    ...{ 'aerie.part': param, 'aerie.format': format, 'aerie.page': page },
    ...{ 'aerie.width': width, 'aerie.height': height },
  })
  span.add('preprocess', decodedAt, decodedAt + preprocessMs, { 'aerie.part': param })
}
