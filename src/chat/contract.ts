/**
 * What the HTTP edge asks of the chat room: plain types in our own spelling, no wire names, no tensors.
 * `service.ts` implements {@link ChatService}; `src/http/wire-*.ts` convert to and from OpenAI's JSON.
 */
import type { ImageDetail } from '../../models/preprocessing.ts'
import type { SeenLevel } from '../../models/tiling/seen-area.ts'
import type { KvCacheType } from '../engine/backend.ts'
import type { SamplingParams } from '../engine/types.ts'
import type { LoadedImage } from '../media/types.ts'
import type { FiledSound, SoundCost, SoundPart, SoundSeen, TrackPart } from './sound-contract.ts'

export type { FiledSound, ImageDetail, SoundCost, SoundPart, SoundSeen, TrackPart }

/** The chat side of the server, one for all models that it serves. */
export interface ChatService {
  /** The models that requests may name. */
  models(): readonly { readonly id: string }[]
  /**
   * Answers a conversation. The iteration throws an AerieError for every expected failure; returning from
   * it early, or aborting the signal, ends the work at whatever station it has reached.
   *
   * Nothing may be yielded before the request holds a place in the engine's queue: the edge commits the
   * status 200 on the first event, and a failure after that can only be told inside the stream.
   */
  complete(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatEvent>
  /** Counts what a conversation or a text costs without generating. Throws as `complete` does. */
  tokenize(request: TokenizeRequest, signal: AbortSignal): Promise<TokenizeResult>
}

/** One piece of a message. `param` is the field in wire spelling, for error messages. */
export type ContentPart =
  | {
      readonly type: 'text'
      readonly text: string
      readonly param: string
      /** The document that it is written in. */
      readonly document?: DocumentSeen
    }
  | {
      readonly type: 'image'
      readonly url: string
      readonly detail: ImageDetail
      readonly param: string
    }
  | StoredPicture
  | VideoPart
  | FramesPart
  | SoundPart
  | TrackPart
  | DocumentPicture

/** A picture among the uploaded files. */
export interface StoredPicture {
  readonly type: 'image'
  readonly stored: { readonly fileId: string; readonly path: string; readonly byteLength: number }
  readonly detail: ImageDetail
  readonly param: string
}

/** Which frames of a clip are looked at; what is undefined is the family's own. */
export interface VideoSampling {
  /** Frames a second; at most `maxFrames`. */
  readonly fps: number | undefined
  readonly maxFrames: number | undefined
  /** Seconds from the clip's beginning. */
  readonly start: number | undefined
  readonly end: number | undefined
  readonly sampling: 'uniform' | 'keyframes' | 'scenes'
  /** Seconds, rising; excludes all the others. */
  readonly times: readonly number[] | undefined
}

/** A clip. */
export interface VideoPart {
  readonly type: 'video'
  readonly from:
    | { readonly url: string }
    | { readonly base64: string }
    /** A file of this machine; `fileId` where it was uploaded. */
    | { readonly path: string; readonly byteLength: number; readonly fileId?: string }
  readonly sampling: VideoSampling
  /** The field that the clip stands in. */
  readonly param: string
  /** The object that the sampling stands in. */
  readonly samplingParam: string
}

/** Frames of a clip that the client has cut up itself: pictures, and when each is shown, in seconds that rise. */
export interface FramesPart {
  readonly type: 'frames'
  readonly frames: readonly { readonly picture: PicturePart; readonly time: number }[]
  readonly param: string
}

export type PicturePart = Extract<ContentPart, { readonly type: 'image' }>

/** A clip, or frames of one, of which files are to be found. */
export type FiledVideo =
  | (Omit<VideoPart, 'from' | 'type'> & {
      readonly type: 'filed-video'
      readonly fileId: string
    })
  | {
      readonly type: 'filed-frames'
      readonly frames: readonly {
        readonly picture: PicturePart | FiledPicture
        readonly time: number
      }[]
      readonly param: string
    }

export interface FiledPicture {
  readonly type: 'filed-image'
  readonly fileId: string
  readonly param: string
}

/** A page of a document. */
export interface DocumentPicture {
  readonly type: 'image'
  readonly loaded: LoadedImage
  readonly fileId: string | undefined
  readonly detail: ImageDetail
  readonly param: string
  readonly document: DocumentSeen
}

/** A file by id, or in the request itself. What is in it decides which {@link ContentPart} it becomes. */
export interface FilePart {
  readonly type: 'file'
  readonly file:
    | { readonly id: string }
    /** A data: URI. */
    | { readonly data: string; readonly filename: string | undefined }
  /** Of a document, as in `1-3,7`; absent: all. */
  readonly pages?: string
  /** What of a document's pages is put into the message; absent: both where the model sees pictures, else the text. */
  readonly content?: 'text' | 'pictures' | 'both'
  /** Of a picture, or of the pages of a document; absent: auto. */
  readonly detail?: ImageDetail
  readonly param: string
}

/** A message; an assistant message without content has no parts. */
export interface ChatMessage<Part = ContentPart> {
  readonly role: 'system' | 'developer' | 'user' | 'assistant'
  readonly name: string | undefined
  readonly content: readonly Part[]
}

/** A message as a client wrote it. */
export type RequestMessage = ChatMessage<ContentPart | FilePart | FiledVideo | FiledSound>

/** Sampling as asked for: undefined means the model's own default, null never occurs. */
export type RequestedSampling = {
  readonly [Key in Exclude<keyof SamplingParams, 'logitBias'>]: SamplingParams[Key] | undefined
} & Pick<SamplingParams, 'logitBias'>

/** One checked request to `/v1/chat/completions`. */
export interface ChatRequest {
  /** The request id: also the stem of the answer's id and in every log line. */
  readonly requestId: string
  /** As the client wrote it; `model_not_found` is the service's to throw. */
  readonly model: string
  readonly messages: readonly RequestMessage[]
  readonly sampling: RequestedSampling
  /** Answers to generate, at least 1. */
  readonly n: number
  /** Most tokens of one answer; undefined: whatever the context leaves. */
  readonly maxTokens: number | undefined
  /** An answer does not end by itself before it has as many tokens; 0 does not hold it up. */
  readonly minTokens: number
  /** Texts that end an answer and are not part of it. */
  readonly stop: readonly string[]
  /** The request asks what the model saw: an `explain` event follows `start`. */
  readonly explain: boolean
  /** Milliseconds; undefined: the server's default. */
  readonly deadlineMs: number | undefined
  readonly priority: 'live' | 'batch'
  /** Name of the API key, `anonymous` without one. Caches never cross it. */
  readonly tenant: string
  /** The client's own separation of prefix reuse within its tenant; undefined: none. */
  readonly cacheKey: string | undefined
}

/**
 * What `complete` yields: `start`, then `videos` and `sounds` where there are any and (when asked) `explain`, then deltas with exactly one `finish` for
 * each choice, then `usage` and `timings`, then the end. A failure is thrown, never yielded.
 */
export type ChatEvent =
  | {
      readonly type: 'start'
      /** `chatcmpl-…` */
      readonly id: string
      /** Unix seconds. */
      readonly created: number
      /** The model's id, as `/v1/models` lists it. */
      readonly model: string
      /** Changes whenever weights, backend or version do. */
      readonly systemFingerprint: string
    }
  /** What was seen of each clip, in request order. */
  | { readonly type: 'videos'; readonly videos: readonly VideoSeen[] }
  /** What was heard of each sound, in request order. */
  | { readonly type: 'sounds'; readonly sounds: readonly SoundSeen[] }
  | ({ readonly type: 'explain' } & Explanation)
  | {
      readonly type: 'text-delta'
      readonly choice: number
      /** Whole code points only; may be empty when it only carries log probabilities. */
      readonly text: string
      /** Of the tokens whose text this is; present when log probabilities were asked for. */
      readonly logprobs?: readonly TextLogprob[]
    }
  | { readonly type: 'finish'; readonly choice: number; readonly reason: 'stop' | 'length' }
  | ({ readonly type: 'usage' } & TokenUsage)
  | { readonly type: 'timings'; readonly stations: StationTimes }

export interface TokenUsage {
  readonly promptTokens: number
  /** Of `promptTokens`: not computed again because the prefix cache held them. */
  readonly cachedTokens: number
  /** Of `promptTokens`: positions that pictures take, those of frames of clips, and those of sounds. The rest is text. */
  readonly imageTokens: number
  readonly videoTokens: number
  readonly soundTokens: number
  /** Of all choices together. */
  readonly completionTokens: number
  /** Of all choices: guessed and computed on trial, and those of them that were then chosen. */
  readonly draftedTokens: number
  readonly acceptedTokens: number
}

/** The token as text, with its bytes when the text alone is not the whole truth. */
export interface TokenText {
  readonly token: string
  /** UTF-8 bytes, which may be part of a code point; null where a token has none (special tokens). */
  readonly bytes: Uint8Array | null
  readonly logprob: number
}

export interface TextLogprob extends TokenText {
  readonly top: readonly TokenText[]
}

/** The stations of a request's life, in order. */
export const STATIONS = [
  'fetch',
  'decode',
  'preprocess',
  'disk',
  'encode',
  'queue',
  'prefill',
  'decode_tokens',
] as const
export type Station = (typeof STATIONS)[number]
/** Milliseconds at each station, summed over pictures; a station that was skipped (cache) is absent. */
export type StationTimes = { readonly [S in Station]?: number }

/** What the model saw. */
export interface Explanation {
  /** The prompt as rendered by the chat template, picture placeholders not expanded. */
  readonly promptText: string
  readonly promptTokens: number
  readonly images: readonly ImageSeen[]
  readonly videos: readonly VideoSeen[]
  readonly sounds: readonly SoundSeen[]
  readonly documents: readonly DocumentSeen[]
  /** What keys and values are kept as. */
  readonly kvCacheType: KvCacheType
}

/** What became of one picture, in request order. */
export interface ImageSeen {
  /** The request field. */
  readonly param: string
  readonly detail: ImageDetail
  /** jpeg, png, … */
  readonly format: string
  readonly bytes: number
  /** Hex, of the bytes. */
  readonly sha256: string
  /** The uploaded file that it is, or that it is a page of. */
  readonly fileId?: string
  /** The page of a document that it is, from 1; `bytes` and `sha256` are then the document's. */
  readonly page?: number
  /** Upright, in pixels, before any resize. */
  readonly width: number
  readonly height: number
  /** In words, in order; those of the first time where the features come from the cache. */
  readonly conversions: readonly string[]
  readonly tiles: number
  /** The level with the most tiles. */
  readonly grid: { readonly rows: number; readonly columns: number }
  /** Grids over the picture, in the order in which the model reads their tiles. */
  readonly levels: readonly SeenLevel[]
  readonly towers: readonly { readonly name: string; readonly inputSize: number }[]
  /** Positions in the prompt. */
  readonly tokens: number
  /** The features came from the cache; nothing was decoded or encoded. */
  readonly cached: boolean
  /** Which one; undefined where they were computed. */
  readonly cache: 'memory' | 'disk' | undefined
  readonly stations: StationTimes
}

/** What is seen of a clip: known before anything is decoded. */
export interface VideoCost {
  /** The request field. */
  readonly param: string
  /** The part that was looked at, and the whole, in seconds; of a list of frames from the first to the last. */
  readonly start: number
  readonly end: number
  readonly duration: number
  /** When each frame that is shown stands in the clip; as the prompt has them. */
  readonly times: readonly number[]
  readonly sampling: 'uniform' | 'keyframes' | 'scenes' | 'times'
  /** Positions of its features in the prompt. */
  readonly tokens: number
  /** Seconds at which scenes begin; where they were chosen by and the request is for what it costs. */
  readonly scenes?: readonly number[]
}

/** What became of one clip. */
export interface VideoSeen extends VideoCost {
  /** When the frames that were decoded are really shown, one a frame. */
  readonly shown: readonly number[]
  readonly tilesPerFrame: number
  /** Frames whose features came from the cache, and were neither decoded nor encoded. */
  readonly cachedFrames: number
  readonly conversions: readonly string[]
  /** Undefined for a list of frames. */
  readonly clip: ClipSeen | undefined
  readonly stations: StationTimes
}

/** What the file of a clip says of itself. */
export interface ClipSeen {
  /** mp4's `mov,mp4,m4a,3gp,3g2,mj2`, `matroska,webm`, … */
  readonly format: string
  readonly codec: string
  readonly bytes: number
  /** Hex, of the bytes. */
  readonly sha256: string
  readonly fileId?: string
  /** Upright, in square pixels. */
  readonly width: number
  readonly height: number
  readonly fps: number
  readonly frames: number
  readonly hasSound: boolean
}

/** What was looked at of one document. */
export interface DocumentSeen {
  /** The request field. */
  readonly param: string
  readonly fileId?: string
  readonly filename: string | undefined
  readonly bytes: number
  /** Hex, of the bytes. */
  readonly sha256: string
  /** Pages that it has, and the numbers of those that were put into the message. */
  readonly pageCount: number
  readonly pages: readonly number[]
  readonly content: 'text' | 'pictures' | 'both'
  /** Of `pages`: those with any text; 0 where none was looked for. */
  readonly pagesWithText: number
}

/** One checked request to `/v1/tokenize`. */
export interface TokenizeRequest {
  readonly requestId: string
  readonly model: string
  /** A conversation through the chat template, or a bare text. */
  readonly input:
    | { readonly type: 'messages'; readonly messages: readonly RequestMessage[] }
    | { readonly type: 'text'; readonly text: string }
  readonly returnIds: boolean
  readonly tenant: string
}

export interface TokenizeResult {
  readonly model: string
  /** Positions the prompt takes: text, pictures, frames of clips and sounds. */
  readonly tokens: number
  readonly imageTokens: number
  readonly videoTokens: number
  readonly soundTokens: number
  readonly images: readonly Pick<
    ImageSeen,
    'param' | 'page' | 'detail' | 'format' | 'width' | 'height' | 'tiles' | 'tokens'
  >[]
  readonly videos: readonly VideoCost[]
  readonly sounds: readonly SoundCost[]
  readonly documents: readonly DocumentSeen[]
  /** Token ids with each picture's placeholder id repeated once a position; undefined unless asked for. */
  readonly ids: readonly number[] | undefined
  readonly maxContext: number
}
