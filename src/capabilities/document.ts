/** What a served model can do and is: `/v1/models` lists a part of it, `/v1/models/{model}` gives the whole. */
import type { EmbeddingOutput } from '../../models/family.ts'
import type { ImageDetail } from '../../models/preprocessing.ts'
import type { PictureSize } from '../../models/tiling/layout.ts'
import type { AdapterFacts } from '../adapters/contract.ts'
import type { KvCacheType } from '../engine/backend.ts'
import type { Parent, Quantization } from '../package/manifest.ts'
import type { NamedExpert } from './experts.ts'
import type { ImageTokens } from './image-tokens.ts'
import type { ParityRecord } from './parity.ts'

export interface CapabilityDocument {
  /** The name that requests use. */
  readonly id: string
  /** Unix seconds. */
  readonly created: number
  readonly ownedBy: string
  /** `model_type` of the family. */
  readonly family: string
  readonly inputModalities: readonly ('text' | 'image' | 'video' | 'audio')[]
  readonly outputModalities: readonly ('text' | 'embedding')[]
  /** Undefined for a tower that is served alone. */
  readonly chat: ChatCapabilities | undefined
  /** Undefined for a model that answers. */
  readonly embeddings: EmbeddingCapabilities | undefined
  /** Undefined for text models. */
  readonly imageTokens: ImageTokens | undefined
  readonly experts: readonly NamedExpert[]
  readonly weights: WeightFacts & {
    /** What is multiplied in linear layers; everything else is float32. */
    readonly computedAs: 'float32' | 'int8'
  }
  readonly backend: string
  /** Undefined where nothing was measured for the family in this form. */
  readonly parity: ParityRecord | undefined
  /** Of an adapter, and the model that it belongs to; undefined for models. */
  readonly adapter?: (AdapterFacts & { readonly base: string }) | undefined
  /** Undefined for weights as they were published. */
  readonly quantization: Quantization | undefined
  /** As the checkpoint's own card says it. */
  readonly license: string | undefined
  /** Undefined for a checkpoint that is served as it lies. */
  readonly parent: Parent | undefined
  /** Hex SHA-256 over everything that decides an answer. */
  readonly digest: string
  /** Changes whenever the weights, the backend or the server's version do. */
  readonly systemFingerprint: string
  readonly limits: LimitsInForce
}

export interface ChatCapabilities {
  /** Positions: prompt with image tokens, plus answer. */
  readonly maxContext: number
  /** Positions of the prompt alone. */
  readonly maxPrompt: number
  readonly prompt: PromptSource
  /** How tools are told of and called; `source` says whether the checkpoint's template does it, or it is written into the messages. */
  readonly tools: { readonly format: string; readonly source: 'chat-template' | 'messages' }
  /** What a request gets that does not say otherwise. */
  readonly samplingDefaults: {
    readonly temperature: number
    readonly topP: number
    readonly topK: number
    readonly minP: number
    readonly repetitionPenalty: number
  }
  readonly decoding: DecodingFacts
  /** Undefined for a model that reads no clips. */
  readonly video: VideoCapabilities | undefined
  /** Undefined for a model that hears nothing in a conversation. */
  readonly audio: AudioCapabilities | undefined
  /** Pictures at each level of detail: tiles and tokens at most; empty for text models. */
  readonly detail: readonly {
    readonly level: ImageDetail
    readonly maxTiles: number
    readonly maxTokens: number
  }[]
}

export interface VideoCapabilities {
  /** Frames of all clips of a request, and clips. */
  readonly maxFrames: number
  readonly maxVideos: number
  /** Frames are this many or a multiple of it. */
  readonly multiple: number
  /** Positions, after pooling; without the text around a frame. */
  readonly tokensPerFrame: number
  /** Which frames are seen where a request does not say, in words. */
  readonly how: string
}

export interface AudioCapabilities {
  /** Sounds of a request. */
  readonly maxSounds: number
  /** Of one sound. */
  readonly maxSeconds: number
  /** A sound is heard in windows of so many seconds; each takes as many positions, the last one fewer. */
  readonly windowSeconds: number
  readonly tokensPerWindow: number
}

/** How answers are computed. */
export interface DecodingFacts {
  /** What keys and values are kept as. */
  readonly kvCacheType: KvCacheType
  readonly kvCacheBytes: number
  /** Tokens that a sequence may be guessed ahead in one step; 0: no speculation. */
  readonly maxDraftTokens: number
}

/** Where the chat template comes from. */
export interface PromptSource {
  /** `family`: written in code, by that name; `none`: there is none; else the file that it stands in. */
  readonly source: string
  readonly template?: string
}

export interface EmbeddingCapabilities {
  /** The usual one first. */
  readonly outputs: readonly Pick<EmbeddingOutput, 'name' | 'kind' | 'channels' | 'upsampling'>[]
  readonly patchSize: number
  /** Pixels that both sides are a multiple of. */
  readonly step: number
  readonly preferred: PictureSize
  readonly maxSide: number
  /** That a picture may be seen as. */
  readonly maxPatches: number
  /** Numbers of one answer. */
  readonly maxValues: number
  /** The output whose vectors texts have as well, and how long they may be; undefined where texts are not embedded. */
  readonly text: { readonly output: string; readonly maxTokens: number } | undefined
}

/** As they are stored. */
export interface WeightFacts {
  readonly parameters: number
  readonly bytes: number
  /** Dtype → number of tensors. */
  readonly dtypes: Readonly<Record<string, number>>
}

/** What the server refuses beyond. */
export interface LimitsInForce {
  readonly maxImages: number
  readonly maxImageBytes: number
  readonly maxImagePixels: number
  /** In pixels. */
  readonly maxImageSide: number
  readonly maxAspectRatio: number
  readonly maxBodyBytes: number
  readonly deadlineMs: number
}
