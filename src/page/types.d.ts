/** What the page's modules tell each other, and the wire's types under short names. Erased: browsers never load it. */

import type { ComponentChildren, JSX, Key, VNode } from 'preact'
import type { components } from '../http/openapi.d.ts'

type Schemas = components['schemas']
type ListedModel = Schemas['Model']
/** Of a model that is loaded on demand and never was, only what is required here is known. */
export type Model = Omit<ListedModel, 'aerie'> & {
  readonly aerie: Pick<ListedModel['aerie'], 'family' | 'input_modalities' | 'output_modalities'> &
    Partial<ListedModel['aerie']> & {
      readonly status?: { readonly state: string; readonly reason: string | null }
    }
}
export type ChatRequest = Schemas['ChatCompletionRequest']
export type Chunk = Schemas['ChatCompletionChunk']
export type Message = Schemas['Message']
export type UserPart = Schemas['UserPart']
export type Usage = Schemas['Usage']
export type Seen = Partial<Schemas['Explanation']>
export type ImageSeen = Schemas['ImageSeen']
export type VideoSeen = Schemas['VideoSeen']
export type SoundSeen = Schemas['SoundSeen']
export type DocumentSeen = Schemas['DocumentSeen']
export type StationTimes = Schemas['StationTimes']
export type Cost = Schemas['TokenizeResponse']
export type Transcript = Schemas['VerboseTranscription']
export type EmbeddingList = Schemas['EmbeddingList']
export type Batch = Schemas['Batch']
export type BatchList = Schemas['BatchList']
export type WireFile = Schemas['File']

export type MediaKind = 'image' | 'video' | 'audio' | 'document'

/** Which frames of a clip are looked at; null leaves it to the model's own rule. */
export interface ClipSampling {
  readonly fps: number | null
  readonly max_frames: number | null
  readonly start: number | null
  readonly end: number | null
  readonly sound: boolean
}

/** A file that a person has chosen. */
export interface Attachment {
  readonly id: string
  readonly kind: MediaKind
  readonly name: string
  readonly blob: Blob
  /** Of a clip. */
  readonly sampling?: ClipSampling
}

/** How closely pictures are looked at. */
export type Detail = 'auto' | 'low' | 'high'

export interface Settings {
  readonly model: string
  readonly system: string
  readonly temperature: number | null
  readonly topP: number | null
  readonly maxTokens: number | null
  readonly seed: number | null
  readonly detail: Detail
  readonly clip: ClipSampling
  readonly form: AnswerForm
  /** The JSON text of a schema, for the form `schema`. */
  readonly schema: string
  /** The JSON text of a list of tools, as in a request; empty is none. */
  readonly tools: string
  readonly toolChoice: ToolChoice
}

/** What an answer may be: any text, any JSON object, JSON of a schema. */
export type AnswerForm = 'text' | 'json' | 'schema'

export type ToolChoice = 'auto' | 'required' | 'none'

/** A call of a tool that the model has made. */
export interface Call {
  readonly id: string
  readonly name: string
  /** A JSON text, while it comes the beginning of one. */
  readonly arguments: string
}

/** What a person says that a tool gave. */
export interface ToolResult {
  readonly id: string
  readonly name: string
  readonly content: string
}

export interface Failure {
  /** The server's code, or one of ours: `unreachable`, `cut_off`. */
  readonly code: string
  readonly message: string
  readonly param: string | undefined
  readonly requestId: string | undefined
  readonly status: number | undefined
  /** Unix milliseconds from which on the server wants to be asked again. */
  readonly retryAt?: number | undefined
}

/** `waiting`: nothing has come back. `reading`: it has a place in the engine, and its media are encoded. */
export type AnswerState = 'waiting' | 'reading' | 'writing' | 'done' | 'stopped' | 'failed'

export interface Answer {
  readonly state: AnswerState
  readonly model: string
  readonly text: string
  readonly calls?: readonly Call[] | undefined
  /** It was asked for as JSON. */
  readonly isJson?: boolean | undefined
  readonly finish?: string | undefined
  readonly usage?: Usage | undefined
  readonly seen?: Seen | undefined
  readonly failure?: Failure | undefined
  readonly transcript?: Transcript | undefined
  readonly likeness?: Likeness | undefined
  readonly requestId?: string | undefined
  /** Places of media in the request, such as `messages[0].content[1]` → id of the attachment. */
  readonly places: Readonly<Record<string, string>>
  /** Milliseconds of `performance.now()` from asking. */
  readonly firstTextMs?: number | undefined
  readonly totalMs?: number | undefined
}

/** Pictures and texts compared by an embedding model. */
export interface Likeness {
  readonly names: readonly string[]
  readonly channels: number
  readonly patches: readonly number[]
  /** Of each pair, row by row. */
  readonly cosines: readonly (readonly number[])[]
}

/** A question and its answer. */
export interface Exchange {
  readonly id: string
  /** The conversation that it is a turn of. */
  readonly conversation: string
  /** When it was first asked, in Unix milliseconds: the order of turns, also of those that two tabs add. */
  readonly at: number
  readonly text: string
  /** In place of a question: what the tools gave that the answer before it called. */
  readonly results?: readonly ToolResult[] | undefined
  readonly media: readonly Attachment[]
  /** Names of files that are no longer kept: the browser's room is bounded. */
  readonly lost?: readonly string[]
  readonly answer: Answer | undefined
}

/** What the list of conversations knows of each. */
export interface ConversationHead {
  readonly id: string
  readonly title: string
  /** A person has chosen the title. */
  readonly isNamed: boolean
  /** Unix milliseconds of the last change. */
  readonly used: number
}

/** A turn as it is kept, its files by themselves. */
export interface KeptExchange extends Omit<Exchange, 'media' | 'lost'> {
  readonly media: readonly Omit<Attachment, 'blob'>[]
  readonly mediaIds: readonly string[]
  /** Another one with each change. */
  readonly version: string
  /** Unix milliseconds, later than those of the change before it, whatever the clock says. */
  readonly changed: number
  /** The tab that is waiting for the answer. */
  readonly owner?: string
}

export interface KeptMedium {
  readonly id: string
  readonly blob: Blob
  /** Unix milliseconds. */
  readonly at: number
}

/** Preact's `h`, with the attributes of each element and the properties of each component checked. */
export interface Hyperscript {
  <T extends keyof JSX.IntrinsicElements>(
    type: T,
    props: JSX.IntrinsicElements[T] | null,
    ...children: ComponentChildren[]
  ): VNode
  <P>(type: (props: P) => VNode | null, props: P & { readonly key?: Key }): VNode
}

export type Children = ComponentChildren
