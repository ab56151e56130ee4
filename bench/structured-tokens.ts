#!/usr/bin/env node
/**
 * What a grammar adds to a token, apart from the decoder: the processor's microseconds that choosing one takes as free text and under
 * the formats of `bench/structured-throughput.ts`, in turn, on one thread, over logits at random, eight answers a round and kind.
 * `node bin/node.js bench/structured-tokens.ts [model folder or GGUF file] [--tokens n] [--rounds n] [--fresh]` prints the medians of the
 * rounds, of which the first is not counted: grammars are new then; with `--fresh` they are in every round.
 */
import { parseArgs } from 'node:util'
import { median } from '../src/bench/median.ts'
import { formatConstraint } from '../src/chat/format-constraint.ts'
import { NativeSampler } from '../src/engine/backends/native-sampler.ts'
import { requireNativeAddon } from '../src/engine/backends/native-session.ts'
import { ConstrainedAnswer, MaskedLogits } from '../src/engine/constrained.ts'
import { TokenRandom } from '../src/engine/random.ts'
import type { SamplingParams } from '../src/engine/types.ts'
import { type CompiledGrammar, Grammars } from '../src/grammar/grammars.ts'
import { Tokenizer } from '../src/tokenizer/tokenizer.ts'
import { vocabularyOf } from '../src/tokenizer/vocabulary.ts'
import { STRUCTURED_KINDS } from './structured-kinds.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '512' },
    rounds: { type: 'string', default: '15' },
    fresh: { type: 'boolean', default: false },
  },
})
const ANSWERS = 8
const tokens = Number(values.tokens)
const tokenizer = await Tokenizer.load(positionals[0] ?? 'models/starter')
const vocab = tokenizer.size
const random = new TokenRandom(1n, 0)
/** More than there are tokens between two of the same position. */
const ROWS = 61
const rows = Array.from({ length: ROWS }, (_, row) =>
  Float32Array.from({ length: vocab }, (_, i) => 6 * random.uniform(row * vocab + i)),
)
const sampling: SamplingParams = {
  ...{ temperature: 1, topP: 1, topK: 0, minP: 0 },
  ...{ repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, logitBias: new Map() },
  ...{ seed: undefined, topLogprobs: undefined },
}
const stopTokenIds = new Set([vocab - 1])
const sampler = new NativeSampler(requireNativeAddon(), vocab)
const masked = new MaskedLogits(vocab)
const grammars = new Grammars({
  vocabulary: await vocabularyOf(tokenizer, vocab),
  ...{ compileTimeoutMs: 60_000, cacheBytes: 2 ** 28 },
})

/** Writes one answer; microseconds of the processor for each of its tokens. */
async function write(grammar: CompiledGrammar | undefined, seed: number): Promise<number> {
  const draws = new TokenRandom(BigInt(seed), 0)
  const output: number[] = []
  const history = { promptIds: new Set<number>(), outputCounts: new Map<number, number>() }
  const params = { sampling, maxTokens: Math.max(512, tokens), stopTokenIds }
  const answer = {
    ...{ ...history, output, request: { params }, uniform: () => draws.uniform(output.length) },
  } as unknown as Parameters<ConstrainedAnswer['choose']>[3]
  const constrained = grammar && new ConstrainedAnswer(grammar)
  let spent = 0
  while (output.length < tokens && !constrained?.isComplete) {
    await Promise.all(constrained?.waitingFor([]) ?? [])
    const logits = rows[(seed + output.length) % ROWS]!
    const before = process.cpuUsage()
    const { id } = constrained
      ? constrained.choose(sampler, masked, logits, answer, true)
      : sampler.sample(logits, sampling, history, answer.uniform.bind(answer), stopTokenIds)
    constrained?.accept(id)
    const { user, system } = process.cpuUsage(before)
    spent += user + system
    output.push(id)
  }
  return spent / output.length
}

try {
  let made = ANSWERS
  const spent = new Map(Object.keys(STRUCTURED_KINDS).map((kind) => [kind, [] as number[]]))
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [kind, format] of Object.entries(STRUCTURED_KINDS)) {
      let sum = 0
      for (let i = 0; i < ANSWERS; i++) {
        const constraint = formatConstraint(format(values.fresh ? ++made : i))
        const grammar = constraint && (await grammars.compile(constraint))
        sum += await write(grammar, round * ANSWERS + i)
      }
      if (round > 0) spent.get(kind)!.push(sum / ANSWERS)
    }
  }
  const free = median(spent.get('free text')!)
  for (const [kind, rounds] of spent) {
    const micros = median(rounds)
    console.log(
      `${kind}: ${micros.toFixed(1)} µs a token, ${(micros - free).toFixed(1)} more than free text`,
    )
  }
} finally {
  await grammars.dispose()
}
