/** Makes the chats of two servers equally long, by what the servers themselves count. */
import { TEXT_NUMBER_DIGITS } from '../load.ts'
import { EngineFailure } from './engine-process.ts'

export interface CountedChat {
  readonly promptTokens: number
  readonly answerTokens: number
  readonly ms: number
}

/** One chat with a question of so many bytes, answered with so many tokens. */
export type Ask = (questionBytes: number, answerTokens: number) => Promise<CountedChat>

/** Of the first question, long enough to be one. */
const FIRST_BYTES = 32

/**
 * Bytes of the question that makes a prompt of so many tokens, whatever the server's template puts around it: the tokenizer of
 * these models has a token for every byte. Rejects with EngineFailure when it cannot be reached, or answers are shorter than asked.
 */
export async function questionBytes(
  name: string,
  ask: Ask,
  { promptTokens, answerTokens }: Omit<CountedChat, 'ms'>,
): Promise<number> {
  const first = await ask(FIRST_BYTES, 1)
  const bytes = FIRST_BYTES + promptTokens - first.promptTokens
  if (bytes <= TEXT_NUMBER_DIGITS)
    throw new EngineFailure(
      `${name}: a picture and its template take ${first.promptTokens - FIRST_BYTES} of ${promptTokens} tokens, and leave none for a question`,
    )
  const chat = await ask(bytes, answerTokens)
  if (chat.promptTokens !== promptTokens || chat.answerTokens !== answerTokens)
    throw new EngineFailure(
      `${name}: counts ${chat.promptTokens} tokens of a prompt and ${chat.answerTokens} of an answer, expected ${promptTokens} and ${answerTokens}`,
    )
  return bytes
}

/** A byte a token; what stands before it is a number. */
export function question(bytes: number): string {
  return ' wave'.repeat(bytes).slice(0, bytes)
}

/** `uri` of a picture that comes first; undefined: a text alone. Rejects with EngineFailure. */
export function askOnce(
  name: string,
  url: string,
  model: string,
  uri: (() => string) | undefined,
): Ask {
  return async (bytes, answerTokens) => {
    const text = question(bytes)
    const content = uri
      ? [
          { type: 'image_url', image_url: { url: uri() } },
          { type: 'text', text },
        ]
      : text
    const start = performance.now()
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content }],
        max_tokens: answerTokens,
        temperature: 0,
      }),
    })
    const body = await response.text()
    if (!response.ok)
      throw new EngineFailure(`${name} answered ${response.status}: ${body.slice(0, 200)}`)
    const { usage } = JSON.parse(body) as {
      readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number }
    }
    const ms = performance.now() - start
    return { promptTokens: usage.prompt_tokens, answerTokens: usage.completion_tokens, ms }
  }
}
