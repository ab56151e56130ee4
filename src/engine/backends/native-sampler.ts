/** Chooses tokens in the native runtime: what `Sampler` does, with the same doubles, so that both choose the same token. */
import type { Sampler as NativeSampling } from '../../../kernels/cpu/native.d.ts'
import { AerieError } from '../../errors.ts'
import type { TokenHistory } from '../logits-processor.ts'
import { GREEDY_BELOW, type SampledToken, type TokenSampler } from '../sampler.ts'
import type { SamplingParams } from '../types.ts'
import type { NativeAddon } from './native-addon.ts'

type Isa = ReturnType<NativeAddon['isas']>[number]

export class NativeSampler implements TokenSampler {
  readonly #native: NativeSampling
  /** What does not change while a request runs, as the runtime takes it. */
  readonly #ids = new WeakMap<ReadonlySet<number>, Int32Array>()
  readonly #biases = new WeakMap<ReadonlyMap<number, number>, Biases>()

  constructor(addon: NativeAddon, vocabSize: number, isa?: Isa) {
    this.#native = addon.createSampler(vocabSize, isa)
  }

  sample(
    logits: Float32Array,
    params: SamplingParams,
    history: TokenHistory,
    uniform: () => number,
    forbidden?: ReadonlySet<number>,
  ): SampledToken {
    const { temperature, topK, topP, minP, topLogprobs } = params
    const { repetitionPenalty, presencePenalty, frequencyPenalty } = params
    const { id, max, sum, top } = this.#run(logits, {
      ...{ temperature, topK, topP, minP, topLogprobs },
      ...{ repetitionPenalty, presencePenalty, frequencyPenalty },
      uniform: temperature < GREEDY_BELOW ? 0 : uniform(),
      ...(repetitionPenalty !== 1 && { repeated: this.#seen(history) }),
      ...((presencePenalty !== 0 || frequencyPenalty !== 0) && {
        generated: Int32Array.from(history.outputCounts.keys()),
        counts: Int32Array.from(history.outputCounts.values()),
      }),
      ...(params.logitBias.size > 0 && this.#biasesOf(params.logitBias)),
      ...(forbidden && { forbidden: this.#idsOf(forbidden) }),
    })
    if (top === undefined) return { id }
    const logSum = max! + Math.log(sum!)
    const logprob = (token: number) => logits[token]! - logSum
    return {
      id,
      logprob: logprob(id),
      top: top.map((token) => ({ id: token, logprob: logprob(token) })),
    }
  }

  #run(...call: Parameters<NativeSampling['sample']>): ReturnType<NativeSampling['sample']> {
    try {
      return this.#native.sample(...call)
    } catch (cause) {
      throw new AerieError('backend_failure', (cause as Error).message, { cause })
    }
  }

  /** Ids of prompt and answer, each once. */
  #seen({ promptIds, outputCounts }: TokenHistory): Int32Array {
    const prompt = this.#idsOf(promptIds)
    const others = [...outputCounts.keys()].filter((id) => !promptIds.has(id))
    const ids = new Int32Array(prompt.length + others.length)
    ids.set(prompt)
    ids.set(others, prompt.length)
    return ids
  }

  #idsOf(set: ReadonlySet<number>): Int32Array {
    const known = this.#ids.get(set)
    if (known?.length === set.size) return known
    const ids = Int32Array.from(set)
    this.#ids.set(set, ids)
    return ids
  }

  #biasesOf(map: ReadonlyMap<number, number>): Biases {
    const known = this.#biases.get(map)
    if (known) return known
    const biases = {
      biased: Int32Array.from(map.keys()),
      biases: Float64Array.from(map.values()),
    }
    this.#biases.set(map, biases)
    return biases
  }
}

interface Biases {
  readonly biased: Int32Array
  readonly biases: Float64Array
}
