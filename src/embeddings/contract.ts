/** What the HTTP edge asks of the embeddings room: plain types in our own spelling, no wire names. */
import type { PictureSize } from '../../models/tiling/layout.ts'

/** The embedding side of the server, one for all models that it serves. */
export interface EmbeddingService {
  /**
   * Embeds pictures, and texts where the tower has a side for them. Throws an AerieError for every expected failure; aborting the signal ends the work at whatever station
   * it has reached.
   */
  embed(request: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingResult>
}

/** One input of a request. `param` is its field in wire spelling, for error messages. */
export type EmbeddingInput =
  | { readonly type: 'image'; readonly url: string; readonly param: string }
  | { readonly type: 'text'; readonly text: string; readonly param: string }
  /** A text as the tower's own tokenizer gives it, with what that puts around one. */
  | { readonly type: 'ids'; readonly ids: readonly number[]; readonly param: string }

/**
 * The size at which a picture is seen. `auto`: its own, brought to the nearest that the model takes. `preferred`: the one
 * that the model is best at.
 */
export type RequestedSize = 'auto' | 'preferred' | PictureSize

/** One checked request to `/v1/embeddings`. */
export interface EmbeddingRequest {
  /** As the client wrote it; `model_not_found` is the service's to throw. */
  readonly model: string
  /** At least one. */
  readonly inputs: readonly EmbeddingInput[]
  /** One of the model's outputs, by name; undefined: its usual one. */
  readonly output: string | undefined
  readonly size: RequestedSize
  /** Length of a vector; undefined: whatever it is. */
  readonly dimensions: number | undefined
  /** Milliseconds; undefined: the server's default. */
  readonly deadlineMs: number | undefined
  readonly priority: 'live' | 'batch'
  /** Name of the API key, `anonymous` without one. Caches never cross it. */
  readonly tenant: string
}

export interface EmbeddingResult {
  readonly model: string
  readonly output: string
  /** In the order of the inputs. */
  readonly embeddings: readonly Embedded[]
  /** Milliseconds at each station, summed over inputs; one that was skipped is absent. */
  readonly stations: Readonly<Record<string, number>>
}

export type Embedded = EmbeddedPicture | EmbeddedText

export interface EmbeddedText {
  readonly type: 'text'
  readonly values: Float32Array
  /** `[channels]`. */
  readonly shape: readonly number[]
  /** With those that the tokenizer puts around a text. */
  readonly tokens: number
  /** The values came from the cache. */
  readonly cached: boolean
}

export interface EmbeddedPicture {
  readonly type: 'image'
  /** Row-major, of `shape`. */
  readonly values: Float32Array
  /** `[channels]`, or `[rows, columns, channels]` of a map. */
  readonly shape: readonly number[]
  /** Upright, in pixels, before any resize. */
  readonly source: PictureSize
  /** What the tower saw, in pixels. */
  readonly seen: PictureSize
  readonly patches: number
  /** The values came from the cache; nothing was decoded or encoded. */
  readonly cached: boolean
}

/** Patches of pictures and tokens of texts. */
export function embeddingTokens(embeddings: readonly Embedded[]): number {
  return embeddings.reduce(
    (sum, item) => sum + (item.type === 'image' ? item.patches : item.tokens),
    0,
  )
}
