/** Encodes in the thread that calls: for programs that do one thing at a time, and threads that have been started for it. */
import { encodeTexts, type TextsToIds } from './encoder-thread.ts'
import type { Tokenizer } from './tokenizer.ts'

export function encoderHere(
  tokenizer: Tokenizer,
): TextsToIds & { readonly tokenizer: Tokenizer; dispose(): Promise<void> } {
  return {
    tokenizer,
    encode: async (texts, { whole = false } = {}) => encodeTexts(tokenizer, texts, whole),
    dispose: async () => undefined,
  }
}
