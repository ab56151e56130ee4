/** What the media room takes and gives: bytes in, tiles out, with everything that was seen on the way. */
import type { Preprocessing } from '../../models/preprocessing.ts'
import type { PictureLayout } from '../../models/tiling/layout.ts'
import type { Documents } from './documents/contract.ts'
import type { SoundRoom } from './sound/sound-room.ts'
import type { ClipStats, Clips } from './video/contract.ts'

/** Where a picture comes from. `param` is the request field, for error messages. */
export interface ImageSource {
  /**
   * A data: URI or an http(s) URL, exactly as the client sent it; raw bytes (CLI); or a file of this machine that the server
   * itself chose, which only a decoder reads.
   */
  readonly from:
    | { readonly url: string }
    | { readonly bytes: Uint8Array }
    | { readonly path: string; readonly byteLength: number }
  readonly param: string
}

/** Limits on untrusted pictures; on by default, each named in its error. */
export interface MediaLimits {
  readonly maxImageBytes: number
  readonly maxImagePixels: number
  /** Longest side in pixels. */
  readonly maxImageSide: number
  /** Longest side over shortest. */
  readonly maxAspectRatio: number
  readonly allowSvg: boolean
}

export interface FetchLimits {
  /** Plain http is refused unless this is true. */
  readonly allowHttp: boolean
  /** Host names (`example.org`, `*.example.org`) that may be fetched; empty: any public host. */
  readonly allowedHosts: readonly string[]
  /** Private, loopback and link-local targets; only for tests and closed networks. */
  readonly allowPrivateAddresses: boolean
  readonly timeoutMs: number
  readonly maxRedirects: number
}

/**
 * The file of a picture, the text of the data URI that holds it, or the path under which it lies: copied to a decoder as
 * it is, so that no thread of the server ever unpacks it.
 */
export type ImageContent =
  | { readonly from: 'file'; readonly body: Uint8Array }
  | { readonly from: 'data-uri'; readonly body: string }
  | { readonly from: 'path'; readonly body: string }

/** A picture after fetching and header check; nothing is decoded yet. */
export interface LoadedImage {
  readonly content: ImageContent
  /** The file, of which only the size is known here. */
  readonly bytes: { readonly byteLength: number }
  /** Hex SHA-256 of the file. */
  readonly sha256: string
  readonly header: ImageHeader
  readonly fetchMs: number
  /** The page of a document that it is, from 1; the file is then the document. */
  readonly page?: number
}

/** What the file's header says. Sizes are upright, after EXIF orientation. */
export interface ImageHeader {
  readonly format: 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'heif' | 'tiff' | 'svg' | 'pdf'
  readonly width: number
  readonly height: number
  /** EXIF 1…8. */
  readonly orientation: number
  /** sharp's name: srgb, cmyk, b-w, rgb16, grey16, … */
  readonly colourSpace: string
  readonly channels: number
  readonly bitDepth: string
  readonly hasAlpha: boolean
  /** Name of the ICC profile; null where there is none. */
  readonly profile: string | null
  readonly isPalette: boolean
  /** Frames or pages; only the first is used. */
  readonly frames: number
}

/** Tiles ready for the towers. */
export interface PreparedImage {
  /** Normalised `[tiles, 3, size, size]`; of a whole picture `[1, 3, height, width]`, colours 0…1. */
  readonly pixels: Float32Array
  /** What was done, in order, for people: 'EXIF orientation 6 applied', 'Display P3 → sRGB', 'alpha on white', … */
  readonly conversions: readonly string[]
  readonly decodeMs: number
  readonly preprocessMs: number
  /** When decoding began, by `machineMs`; what else was done came behind it. */
  readonly startedAt: number
}

export interface MediaStats {
  /** Pictures that wait for a decoder or for their turn to be fetched. */
  readonly waiting: number
  readonly maxWaiting: number
  /** Pictures being fetched, and how many may be. */
  readonly fetching: number
  readonly maxFetching: number
  /** Pictures in a decoder. */
  readonly running: number
  readonly workers: number
  /** Bytes of encoded and decoded pictures and of tiles now held, loaded pictures between `load` and `prepare` included, and the bound. */
  readonly bytesInUse: number
  readonly maxBytesInUse: number
  readonly clips: ClipStats
}

/** What this room needs of a logger. */
export interface MediaLogger {
  warn(details: object, message: string): void
}

/** The media pool as the main thread sees it. */
export interface Media {
  /** Videos, by the same fetcher and in the same bytes of memory. */
  readonly clips: Clips
  /** Sounds of conversations. */
  readonly sounds: Pick<SoundRoom, 'load' | 'release' | 'stats' | 'spool' | 'decoder'>
  /** Documents, whose pages are pictures. */
  readonly documents: Documents
  /** Fetches or decodes the source to bytes, hashes them and checks the header against the limits. */
  load(source: ImageSource, signal: AbortSignal): Promise<LoadedImage>
  /** Decodes upright, in sRGB, and preprocesses, in a decoder process; then `release`s the picture. */
  prepare(
    image: LoadedImage,
    preprocessing: Preprocessing,
    layout: PictureLayout,
    param: string,
    signal: AbortSignal,
  ): Promise<PreparedImage>
  /**
   * Says that a loaded picture will not be prepared (its features were cached, or the request failed), so that its bytes no
   * longer count. Forgetting to is no leak, only late: then the garbage collector says so.
   */
  release(image: LoadedImage): void
  stats(): MediaStats
  dispose(): Promise<void>
}
