/** Figures about an answer → wire: token counts, log probabilities, what the model saw. */

import type { AdapterFacts } from '../adapters/contract.ts'
import type {
  CountedTokens,
  DocumentSeen,
  Explanation,
  FinishReason,
  ImageSeen,
  StationTimes,
  TextLogprob,
  TokenText,
  TokenUsage,
} from '../chat/contract.ts'
import type { components } from './openapi.d.ts'
import { toWireExplainedSound, toWireSound } from './wire-sound.ts'
import { toWireTimes } from './wire-times.ts'
import { toWireExplainedVideo, toWireVideo } from './wire-video.ts'

type Wire = components['schemas']

export function toWireUsage(usage: CountedTokens): Wire['Usage'] {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: {
      cached_tokens: usage.cachedTokens,
      text_tokens: usage.promptTokens - usage.imageTokens - usage.videoTokens - usage.soundTokens,
      image_tokens: usage.imageTokens,
      video_tokens: usage.videoTokens,
      audio_tokens: usage.soundTokens,
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

export function toWireFinish(reason: FinishReason): Wire['FinishReason'] {
  return reason === 'tool-calls' ? 'tool_calls' : reason
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
  return { token, logprob: toWireLogprob(logprob), bytes: bytes && [...bytes] }
}

/** OpenAI's stand-in for what JSON cannot say: a token that was masked out. */
export function toWireLogprob(logprob: number): number {
  return Number.isFinite(logprob) ? Math.min(0, logprob) : -9999
}

function toWireExplanation(
  seen: Explanation,
  usage: TokenUsage,
  stations: StationTimes,
): Wire['Explanation'] {
  return {
    prompt: { text: seen.promptText, tokens: seen.promptTokens },
    images: seen.images.map(toWireImage),
    ...(seen.videos.length > 0 && { videos: seen.videos.map(toWireExplainedVideo) }),
    ...(seen.sounds.length > 0 && { sounds: seen.sounds.map(toWireExplainedSound) }),
    ...documentsField(seen.documents),
    decoding: {
      kv_cache_type: seen.kvCacheType,
      drafted_tokens: usage.draftedTokens,
      accepted_tokens: usage.acceptedTokens,
    },
    ...(seen.adapter && { adapter: toWireAdapter(seen.adapter) }),
    timings_ms: toWireTimes(stations),
  }
}

function toWireAdapter({ name, digest, ranks }: AdapterFacts) {
  return { name, digest, rank: ranks.most }
}

/** What is said of an answer beside it: everything where that was asked for, else what clips were seen by, and sounds heard. */
export function toWireNotes(
  explanation: Explanation | undefined,
  { videos, sounds }: Pick<Explanation, 'videos' | 'sounds'>,
  usage: TokenUsage,
  stations: StationTimes,
): { readonly aerie?: Wire['Explanation'] | Wire['MediaSeen'] } {
  if (explanation) return { aerie: toWireExplanation(explanation, usage, stations) }
  if (videos.length === 0 && sounds.length === 0) return {}
  return {
    aerie: {
      ...(videos.length > 0 && { videos: videos.map(toWireVideo) }),
      ...(sounds.length > 0 && { sounds: sounds.map(toWireSound) }),
    },
  }
}

/** Absent where no part was a document. */
export function documentsField(documents: readonly DocumentSeen[]): {
  documents?: Wire['DocumentSeen'][]
} {
  if (documents.length === 0) return {}
  return {
    documents: documents.map(({ fileId, filename, pageCount, pagesWithText, pages, ...same }) => ({
      ...same,
      ...(fileId !== undefined && { file_id: fileId }),
      ...(filename !== undefined && { filename }),
      page_count: pageCount,
      pages: [...pages],
      pages_with_text: pagesWithText,
    })),
  }
}

function toWireImage({ towers, stations, cache, fileId, ...image }: ImageSeen): Wire['ImageSeen'] {
  return {
    ...image,
    ...(fileId !== undefined && { file_id: fileId }),
    ...(cache && { cache }),
    conversions: [...image.conversions],
    levels: image.levels.map((level) => ({ ...level })),
    towers: towers.map(({ name, inputSize }) => ({ name, input_size: inputSize })),
    timings_ms: toWireTimes(stations),
  }
}
