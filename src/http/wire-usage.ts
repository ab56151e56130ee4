/** Figures about an answer → wire: token counts, log probabilities, what the model saw. */

import type {
  Explanation,
  ImageSeen,
  StationTimes,
  TextLogprob,
  TokenText,
  TokenUsage,
} from '../chat/contract.ts'
import type { components } from './openapi.d.ts'

type Wire = components['schemas']

export function toWireUsage(usage: TokenUsage): Wire['Usage'] {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: {
      cached_tokens: usage.cachedTokens,
      text_tokens: usage.promptTokens - usage.imageTokens,
      image_tokens: usage.imageTokens,
      audio_tokens: 0,
    },
    completion_tokens_details: {
      text_tokens: usage.completionTokens,
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

export function toWireLogprobs(logprobs: readonly TextLogprob[]): Wire['Logprobs'] {
  return {
    content: logprobs.map((token) => ({
      ...toWireToken(token),
      top_logprobs: token.top.map(toWireToken),
    })),
    refusal: null,
  }
}

function toWireToken({ token, logprob, bytes }: TokenText) {
  return {
    token,
    // OpenAI's stand-in for what JSON cannot say: a token that was masked out.
    logprob: Number.isFinite(logprob) ? Math.min(0, logprob) : -9999,
    bytes: bytes && [...bytes],
  }
}

export function toWireExplanation(
  seen: Explanation,
  usage: TokenUsage,
  stations: StationTimes,
): Wire['Explanation'] {
  return {
    prompt: { text: seen.promptText, tokens: seen.promptTokens },
    images: seen.images.map(toWireImage),
    decoding: {
      kv_cache_type: seen.kvCacheType,
      drafted_tokens: usage.draftedTokens,
      accepted_tokens: usage.acceptedTokens,
    },
    timings_ms: toWireTimes(stations),
  }
}

/** Microseconds are as much as anybody can believe. */
function toWireTimes(stations: StationTimes): Wire['StationTimes'] {
  const rounded = Object.entries(stations).map(([name, ms]) => [name, Math.round(ms * 1000) / 1000])
  return Object.fromEntries(rounded)
}

function toWireImage({ towers, stations, cache, fileId, ...image }: ImageSeen): Wire['ImageSeen'] {
  return {
    ...image,
    ...(fileId !== undefined && { file_id: fileId }),
    ...(cache && { cache }),
    conversions: [...image.conversions],
    towers: towers.map(({ name, inputSize }) => ({ name, input_size: inputSize })),
    timings_ms: toWireTimes(stations),
  }
}
