/** Figures about an answer → wire of the Responses API. */
import type { TextLogprob, TokenText, TokenUsage } from '../../chat/contract.ts'
import type { components } from '../openapi.d.ts'

type Wire = components['schemas']

/** OpenAI's stand-in for what JSON cannot say: a token that was masked out. */
const IMPOSSIBLE = -9999

export function toResponseUsage(usage: TokenUsage): Wire['ResponseUsage'] {
  const { promptTokens, cachedTokens, imageTokens, videoTokens, soundTokens } = usage
  return {
    input_tokens: promptTokens,
    input_tokens_details: {
      cached_tokens: cachedTokens,
      cache_write_tokens: 0,
      text_tokens: promptTokens - imageTokens - videoTokens - soundTokens,
      image_tokens: imageTokens,
      video_tokens: videoTokens,
      audio_tokens: soundTokens,
    },
    output_tokens: usage.completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + usage.completionTokens,
  }
}

export function toResponseLogprobs(tokens: readonly TextLogprob[]): Wire['ResponseLogprob'][] {
  return tokens.map((token) => ({ ...toWire(token), top_logprobs: token.top.map(toWire) }))
}

/** Bytes are never null here, other than in chat completions. */
function toWire({ token, logprob, bytes }: TokenText) {
  return {
    token,
    logprob: Number.isFinite(logprob) ? Math.min(0, logprob) : IMPOSSIBLE,
    bytes: bytes ? [...bytes] : [],
  }
}
