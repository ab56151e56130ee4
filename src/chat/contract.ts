/**
 * What the HTTP edge asks of the chat room: plain types in our own spelling, no wire names, no tensors.
 * `service.ts` implements {@link ChatService}; `src/http/wire-*.ts` convert to and from OpenAI's JSON.
 */
import type { ImageDetail } from '../../models/preprocessing.ts'
import type { AdapterFacts } from '../adapters/contract.ts'
import type { KvCacheType } from '../engine/backend.ts'
import type { SamplingParams } from '../engine/types.ts'
import type { LoadedImage } from '../media/types.ts'
import type {
  CompletionEvent,
  CompletionRequest,
  DetokenizeRequest,
  DetokenizeResult,
} from './completion-contract.ts'
import type { DocumentSeen, ImageSeen, StationTimes, VideoSeen } from './seen-contract.ts'
import type { FiledSound, SoundPart, SoundSeen, TrackPart } from './sound-contract.ts'
import type { TokenizeRequest, TokenizeResult } from './tokenize-contract.ts'
import type { ResponseFormat, Tool, ToolCall, ToolChoice } from './tool-contract.ts'

export {
  type ClipSeen,
  type DocumentSeen,
  type ImageSeen,
  STATIONS,
  type Station,
  type StationTimes,
  type VideoCost,
  type VideoSeen,
} from './seen-contract.ts'
export type { SoundCost } from './sound-contract.ts'
export type {
  CompletionEvent,
  CompletionRequest,
  DetokenizeRequest,
  DetokenizeResult,
  FiledSound,
  ImageDetail,
  ResponseFormat,
  SoundPart,
  SoundSeen,
  TokenizeRequest,
  TokenizeResult,
  Tool,
  ToolCall,
  ToolChoice,
  TrackPart,
}

/** The chat side of the server, one for all models that it serves. */
export interface ChatService {
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
  /** Continues texts, without a chat template. Otherwise as `complete`. */
  completeText(request: CompletionRequest, signal: AbortSignal): AsyncIterable<CompletionEvent>
  /** The text of token ids, special tokens by their names. */
  detokenize(request: DetokenizeRequest, signal: AbortSignal): Promise<DetokenizeResult>
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
    /** A document by http(s) URL; absent, the name is the last of its path. `param`: the field that it stands in. */
    | {
        readonly url: string
        readonly filename: string | undefined
        readonly param: string
      }
    /** A data: URI. */
    | {
        readonly data: string
        readonly filename: string | undefined
        /** The field that it stands in, where that is not the part's `file_data`. */
        readonly param?: string
      }
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
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  readonly name: string | undefined
  readonly content: readonly Part[]
  /** Of an assistant message: the tools that it called. */
  readonly toolCalls?: readonly ToolCall[]
  /** Of a tool's message: the call that it is the result of. */
  readonly toolCallId?: string
  /** The field that says so, where it is not `tool_call_id` of the message. */
  readonly toolCallParam?: string
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
  /** The adapter of the model that was named; set by whoever finds the model, never at the edge. */
  readonly adapter?: string
  readonly messages: readonly RequestMessage[]
  /** The field that they stand in, for errors about all of them; absent: `messages`. */
  readonly messagesParam?: string | undefined
  readonly sampling: RequestedSampling
  /** Answers to generate, at least 1. */
  readonly n: number
  /** Most tokens of one answer; undefined: whatever the context leaves. */
  readonly maxTokens: number | undefined
  /** `maxTokens` is at most what the context leaves, where there is room for one token at least; absent: more is refused. */
  readonly endsWithContext?: boolean
  /** An answer does not end by itself before it has as many tokens; 0 does not hold it up. */
  readonly minTokens: number
  /** The tokens that end an answer are as any other. */
  readonly ignoresEnd?: boolean
  /** Texts that end an answer and are not part of it. */
  readonly stop: readonly string[]
  /** What the model may call, and whether it may, must or must not; without tools the choice is `auto`. */
  readonly tools: readonly Tool[]
  readonly toolChoice: ToolChoice
  /** Whether one answer may call more than one tool. */
  readonly parallelToolCalls: boolean
  /** What the text of an answer must look like. */
  readonly responseFormat: ResponseFormat
  /** The request asks what the model saw: an `explain` event follows `start`. */
  readonly explain: boolean
  /** `progress` events come as well; absent: none. */
  readonly tellsProgress?: boolean
  /** Milliseconds; undefined: the server's default. */
  readonly deadlineMs: number | undefined
  readonly priority: 'live' | 'batch'
  /** Name of the API key, `anonymous` without one. Caches never cross it. */
  readonly tenant: string
  /** The client's own separation of prefix reuse within its tenant; undefined: none. */
  readonly cacheKey: string | undefined
}

/**
 * What `complete` yields, with `progress` in front of what it counts where that was asked for: `start`, then `videos` and `sounds` where there are any and (when asked) `explain`, then deltas with exactly one `finish` for
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
      /** What is sampled with: as asked, or the model's own. */
      readonly sampling: Pick<SamplingParams, 'temperature' | 'topP'>
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
  /** A call begins; calls of a choice are counted from 0, one after the other. */
  | {
      readonly type: 'tool-call-start'
      readonly choice: number
      readonly call: number
      /** `call_…` */
      readonly id: string
      readonly name: string
    }
  /** More of the call's arguments, which are a JSON text when all is said. */
  | {
      readonly type: 'tool-call-delta'
      readonly choice: number
      readonly call: number
      readonly arguments: string
    }
  | {
      readonly type: 'finish'
      readonly choice: number
      readonly reason: FinishReason
      /** The stop text that ended it, where one did. */
      readonly stopText?: string
    }
  /** What one choice has cost so far, the prompt included; nothing of drafts is told before the end. */
  | ({ readonly type: 'progress'; readonly choice: number } & CountedTokens)
  | ({ readonly type: 'usage' } & TokenUsage)
  | { readonly type: 'timings'; readonly stations: StationTimes }

/** `tool-calls`: the answer ended by itself, and has called a tool. */
export type FinishReason = 'stop' | 'length' | 'tool-calls'

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

export type CountedTokens = Omit<TokenUsage, 'draftedTokens' | 'acceptedTokens'>

/** The token as text, with its bytes when the text alone is not the whole truth. */
export interface TokenText {
  readonly token: string
  /** UTF-8 bytes, which may be part of a code point; null where a token has none (special tokens). */
  readonly bytes: Uint8Array | null
  readonly logprob: number
}

export interface TextLogprob extends TokenText {
  /** Code points of the answer's text before it. */
  readonly start: number
  readonly top: readonly TokenText[]
}

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
  /** What was added to the model's weights; undefined: nothing. */
  readonly adapter?: AdapterFacts | undefined
}
