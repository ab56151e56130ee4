/** What the HTTP edge asks of the chat room beside conversations: texts to be continued, and ids to be read. */
import type { ChatEvent, ChatRequest, TextLogprob } from './contract.ts'

/** A prompt as the model reads it: no template, and special tokens written in a text are special. */
export type CompletionPrompt = { readonly param: string } & (
  | { readonly text: string }
  | { readonly ids: readonly number[] }
)

/** One checked request to `/v1/completions`: each prompt is continued `n` times. */
export interface CompletionRequest
  extends Omit<
    ChatRequest,
    'messages' | 'tools' | 'toolChoice' | 'parallelToolCalls' | 'explain' | 'maxTokens'
  > {
  readonly prompts: readonly CompletionPrompt[]
  /** Texts get what the tokenizer itself adds to a prompt, such as `<s>`. */
  readonly addsSpecialTokens: boolean
  /** A `prompt` event tells what each prompt was; with log probabilities where the answers have them. */
  readonly echo: boolean
  /** Most tokens of one answer; 0: the prompt is read, and that is all. */
  readonly maxTokens: number
  /** Tokens that end an answer are as any other. */
  readonly ignoresEnd: boolean
}

/**
 * What `completeText` yields: as `complete`, with the choices of prompt p counted from p · n; where asked for, the `prompt` event of a prompt
 * comes before everything else about its choices.
 */
export type CompletionEvent =
  | Exclude<
      ChatEvent,
      { type: 'explain' | 'videos' | 'sounds' | 'tool-call-start' | 'tool-call-delta' }
    >
  | {
      readonly type: 'prompt'
      /** Its place among the prompts. */
      readonly prompt: number
      readonly text: string
      /** Its tokens, where log probabilities were asked for; those of the first are undefined. */
      readonly tokens?: readonly PromptToken[]
    }

export type PromptToken = Omit<TextLogprob, 'logprob'> & { readonly logprob: number | undefined }

/** One checked request to `/v1/detokenize`. */
export interface DetokenizeRequest {
  readonly requestId: string
  readonly model: string
  readonly ids: readonly number[]
  readonly tenant: string
}

export interface DetokenizeResult {
  readonly model: string
  readonly text: string
}
