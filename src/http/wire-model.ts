/** Capability documents → wire: the short form of the list, and the whole. */
import type {
  AudioCapabilities,
  CapabilityDocument,
  VideoCapabilities,
} from '../capabilities/document.ts'
import type { ParityRecord } from '../capabilities/parity.ts'
import type { components } from './openapi.d.ts'

type Wire = components['schemas']

export function toWireModel(document: CapabilityDocument): Wire['Model'] {
  return { ...openaiFields(document), aerie: card(document) }
}

export function toWireDocument(document: CapabilityDocument): Wire['ModelDocument'] {
  const { chat, embeddings, imageTokens, weights, quantization, parity, parent } = document
  const { adapter } = document
  const { license, digest, systemFingerprint, backend, limits, experts } = document
  return {
    ...openaiFields(document),
    aerie: {
      ...card(document),
      max_prompt: chat?.maxPrompt ?? 0,
      video: chat?.video ? toWireVideoCapabilities(chat.video) : null,
      audio: chat?.audio ? toWireAudioCapabilities(chat.audio) : null,
      image_tokens: imageTokens
        ? { ...pick(imageTokens, 'min', 'max', 'how'), per_tile: imageTokens.perTile }
        : null,
      prompt: chat ? { source: chat.prompt.source, template: chat.prompt.template ?? null } : null,
      decoding: chat
        ? {
            kv_cache_type: chat.decoding.kvCacheType,
            kv_cache_bytes: chat.decoding.kvCacheBytes,
            max_draft_tokens: chat.decoding.maxDraftTokens,
          }
        : null,
      embeddings: embeddings
        ? {
            outputs: embeddings.outputs.map((output) =>
              pick(output, 'name', 'kind', 'channels', 'upsampling'),
            ),
            patch_size: embeddings.patchSize,
            step: embeddings.step,
            preferred: pick(embeddings.preferred, 'height', 'width'),
            max_side: embeddings.maxSide,
            max_patches: embeddings.maxPatches,
            max_values: embeddings.maxValues,
          }
        : null,
      experts: experts.map(({ name, modality, task, isRunning: running }) => {
        return { name, modality, task, running }
      }),
      weights: {
        ...pick(weights, 'parameters', 'bytes'),
        dtypes: { ...weights.dtypes },
        computed_as: weights.computedAs,
      },
      adapter: adapter ? toWireAdapter(adapter) : null,
      quantization: quantization ? toWireQuantization(quantization) : null,
      parity: parity ? toWireParity(parity) : null,
      license: license ?? null,
      parent: parent
        ? { ...pick(parent, 'kind', 'id', 'digest'), revision: parent.revision ?? null }
        : null,
      digest,
      system_fingerprint: systemFingerprint,
      backend,
      limits: {
        max_images: limits.maxImages,
        max_image_bytes: limits.maxImageBytes,
        max_image_pixels: limits.maxImagePixels,
        max_image_side: limits.maxImageSide,
        max_aspect_ratio: limits.maxAspectRatio,
        max_body_bytes: limits.maxBodyBytes,
        deadline_ms: limits.deadlineMs,
      },
    },
  }
}

function toWireVideoCapabilities(video: VideoCapabilities): Wire['Capabilities']['video'] {
  const { maxVideos, multiple, tokensPerFrame, how } = video
  return { max_videos: maxVideos, multiple, tokens_per_frame: tokensPerFrame, how }
}

function toWireAudioCapabilities(audio: AudioCapabilities): Wire['Capabilities']['audio'] {
  const { maxSounds, maxSeconds, windowSeconds, tokensPerWindow } = audio
  return {
    max_sounds: maxSounds,
    max_seconds: maxSeconds,
    window_seconds: windowSeconds,
    tokens_per_window: tokensPerWindow,
  }
}

function openaiFields({ id, created, ownedBy, adapter }: CapabilityDocument) {
  // As vLLM lists adapters.
  return { id, object: 'model' as const, created, owned_by: ownedBy, parent: adapter?.base ?? null }
}

function toWireAdapter(
  adapter: NonNullable<CapabilityDocument['adapter']>,
): Wire['Capabilities']['adapter'] {
  return {
    ...pick(adapter, 'base', 'digest', 'modules', 'parameters', 'bytes'),
    rank: { ...adapter.ranks },
    targets: [...adapter.targets],
    dtypes: { ...adapter.dtypes },
    trained_on: adapter.trainedOn ?? null,
  }
}

function card(document: CapabilityDocument): Wire['Model']['aerie'] {
  const { family, chat, limits, inputModalities, outputModalities } = document
  const defaults = chat?.samplingDefaults
  const seesPictures = inputModalities.includes('image')
  return {
    family,
    max_context: chat?.maxContext ?? 0,
    max_images: seesPictures ? limits.maxImages : 0,
    max_frames: chat?.video?.maxFrames ?? 0,
    input_modalities: [...inputModalities],
    output_modalities: [...outputModalities],
    sampling_defaults: defaults
      ? {
          temperature: defaults.temperature,
          top_p: defaults.topP,
          top_k: defaults.topK,
          min_p: defaults.minP,
          repetition_penalty: defaults.repetitionPenalty,
        }
      : null,
    detail: (chat?.detail ?? []).map(({ level, maxTiles, maxTokens }) => ({
      level,
      max_tiles: maxTiles,
      max_tokens: maxTokens,
    })),
  }
}

function toWireParity({ dtype, tolerance, cases }: ParityRecord): Wire['Capabilities']['parity'] {
  return {
    dtype,
    tolerance,
    cases: cases.map(({ case: name, backend, stages }) => ({
      case: name,
      backend,
      stages: stages.map(({ stage, compared, relativeError }) => {
        return { stage, compared, relative_error: relativeError }
      }),
    })),
  }
}

function toWireQuantization(
  quantization: NonNullable<CapabilityDocument['quantization']>,
): Wire['Capabilities']['quantization'] {
  const { parts, measured, thresholds, forced = [] } = quantization
  const { decoder, towers } = measured
  return {
    ...pick(quantization, 'method', 'bits', 'group'),
    bits_per_weight: quantization.bitsPerWeight ?? null,
    parts: parts.map(({ reason, ...part }) => ({ ...part, reason: reason ?? null })),
    measured: {
      decoder: decoder
        ? {
            ...pick(decoder, 'prompts', 'positions', 'top1'),
            kl_mean: decoder.klMean,
            kl_largest: decoder.klLargest,
          }
        : null,
      towers: towers.map(({ cosineMean, cosineLeast, ...tower }) => {
        return { ...tower, cosine_mean: cosineMean, cosine_least: cosineLeast }
      }),
    },
    thresholds: Object.fromEntries(
      Object.entries(thresholds).map(([name, value]) => [snakeCase(name), value]),
    ),
    forced: [...forced],
  }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)
}

/** Fields that have one name inside and on the wire. */
function pick<T, Key extends keyof T>(from: T, ...keys: readonly Key[]): Pick<T, Key> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, Key>
}
