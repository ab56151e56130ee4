#!/usr/bin/env node
/**
 * What choosing a token costs: the sampler of the native runtime and the one in TypeScript in turn, in one process and on one
 * thread, over logits of a vocabulary of 151 936 (Qwen2.5). `node bin/node.js bench/sampling.ts [--vocab n] [--rounds n]` prints the
 * processor's microseconds for a token, of the best round.
 */
import { parseArgs } from 'node:util'
import { NativeSampler } from '../src/engine/backends/native-sampler.ts'
import { requireNativeAddon } from '../src/engine/backends/native-session.ts'
import { TokenRandom } from '../src/engine/random.ts'
import { Sampler, type TokenSampler } from '../src/engine/sampler.ts'
import type { SamplingParams } from '../src/engine/types.ts'

const TOKENS = 20
/** Of an answer, when penalties are measured. */
const ANSWER = 500

const { values } = parseArgs({
  options: {
    vocab: { type: 'string', default: '151936' },
    rounds: { type: 'string', default: '10' },
  },
})
const vocab = Number(values.vocab)
const random = new TokenRandom(1n, 0)
/** Sums of uniform numbers, spread as the logits of a model are: a few stand out. */
const logits = Float32Array.from({ length: vocab }, (_, i) => {
  const u = random.uniform(2 * i) + random.uniform(2 * i + 1) - 1
  return 3 * u + (u > 0.97 ? 8 * random.uniform(i + 7) : 0)
})

const PLAIN: SamplingParams = {
  ...{ temperature: 0, topP: 1, topK: 0, minP: 0 },
  ...{ repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, logitBias: new Map() },
  ...{ seed: undefined, topLogprobs: undefined },
}
const CASES: Readonly<Record<string, SamplingParams>> = {
  greedy: PLAIN,
  'temperature 1': { ...PLAIN, temperature: 1 },
  'temperature 0.7, top-p 0.9': { ...PLAIN, temperature: 0.7, topP: 0.9 },
  'temperature 0.7, top-k 50': { ...PLAIN, temperature: 0.7, topK: 50 },
  'greedy, three penalties': {
    ...PLAIN,
    ...{ repetitionPenalty: 1.1, presencePenalty: 0.5, frequencyPenalty: 0.5 },
  },
  'temperature 0.7, top-p 0.9, three penalties, 5 log probabilities': {
    ...{ ...PLAIN, temperature: 0.7, topP: 0.9, topLogprobs: 5 },
    ...{ repetitionPenalty: 1.1, presencePenalty: 0.5, frequencyPenalty: 0.5 },
  },
}
const history = {
  promptIds: new Set(Array.from({ length: ANSWER }, (_, i) => (i * 37) % vocab)),
  outputCounts: new Map(Array.from({ length: ANSWER }, (_, i) => [(i * 53) % vocab, 1 + (i % 3)])),
}
const samplers: readonly TokenSampler[] = [
  new NativeSampler(requireNativeAddon(), vocab),
  new Sampler(vocab),
]

for (const [name, params] of Object.entries(CASES)) {
  const best = samplers.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, sampler] of samplers.entries())
      best[i] = Math.min(best[i]!, microseconds(sampler, params))
  }
  const [native, plain] = best as [number, number]
  console.log(
    `${name}: native ${native.toFixed(0)} µs, TypeScript ${plain.toFixed(0)} µs (${(plain / native).toFixed(1)} ×)`,
  )
}

function microseconds(sampler: TokenSampler, params: SamplingParams): number {
  const before = process.cpuUsage()
  for (let token = 0; token < TOKENS; token++)
    sampler.sample(logits, params, history, () => random.uniform(token))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / TOKENS
}
