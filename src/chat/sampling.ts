/** What a request asked for, with the model's own defaults where it said nothing. */
import type { SamplingParams } from '../engine/types.ts'
import type { RequestedSampling } from './contract.ts'

export type SamplingDefaults = Pick<
  SamplingParams,
  'temperature' | 'topP' | 'topK' | 'minP' | 'repetitionPenalty'
>

/** Reads the defaults of generation_config.json; `do_sample: false` means greedy, and a `top_k` of −1 all tokens. */
export function defaultSampling(generation: Readonly<Record<string, unknown>>): SamplingDefaults {
  const number = (key: string, fallback: number) => {
    const value = generation[key]
    return typeof value === 'number' && Number.isFinite(value) ? value : fallback
  }
  return {
    temperature: generation['do_sample'] === false ? 0 : number('temperature', 1),
    topP: number('top_p', 1),
    // Samplers take whole numbers that a double counts.
    topK: Math.min(Math.max(0, Math.trunc(number('top_k', 0))), Number.MAX_SAFE_INTEGER),
    minP: number('min_p', 0),
    repetitionPenalty: number('repetition_penalty', 1),
  }
}

export function resolveSampling(
  requested: RequestedSampling,
  defaults: SamplingDefaults,
): SamplingParams {
  return {
    temperature: requested.temperature ?? defaults.temperature,
    topP: requested.topP ?? defaults.topP,
    topK: requested.topK ?? defaults.topK,
    minP: requested.minP ?? defaults.minP,
    repetitionPenalty: requested.repetitionPenalty ?? defaults.repetitionPenalty,
    presencePenalty: requested.presencePenalty ?? 0,
    frequencyPenalty: requested.frequencyPenalty ?? 0,
    logitBias: requested.logitBias,
    seed: requested.seed,
    topLogprobs: requested.topLogprobs,
  }
}
