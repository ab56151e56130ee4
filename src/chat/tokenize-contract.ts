/** What the HTTP edge asks of the chat room before an answer: what its prompt costs. */
import type { ChatRequest, RequestMessage } from './contract.ts'
import type { DocumentSeen, ImageSeen, VideoCost } from './seen-contract.ts'
import type { SoundCost } from './sound-contract.ts'
import type { Tool, ToolChoice } from './tool-contract.ts'

/** One checked request to `/v1/tokenize`. */
export interface TokenizeRequest {
  readonly requestId: string
  readonly model: string
  /** A conversation through the chat template, or a bare text. */
  readonly input:
    | {
        readonly type: 'messages'
        readonly messages: readonly RequestMessage[]
        /** As of {@link ChatRequest}. */
        readonly messagesParam?: string | undefined
        /** As of {@link ChatRequest}; absent: none. */
        readonly tools?: readonly Tool[]
        readonly toolChoice?: ToolChoice
      }
    /** With what the tokenizer itself adds to a prompt, such as `<s>`, where asked for. */
    | { readonly type: 'text'; readonly text: string; readonly addsSpecialTokens: boolean }
  readonly returnIds: boolean
  /** Tokens as text. */
  readonly returnStrings: boolean
  readonly tenant: string
  readonly priority: ChatRequest['priority']
  /** As of {@link ChatRequest}. */
  readonly adapter?: string
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
  /** The same as text, special tokens by their names; undefined unless asked for. */
  readonly strings: readonly string[] | undefined
  readonly maxContext: number
  /** Of it, what a prompt may take. */
  readonly maxPrompt: number
}
