import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { processLogits, type TokenHistory } from '../../src/engine/logits-processor.ts'
import { TokenRandom } from '../../src/engine/random.ts'
import { Sampler } from '../../src/engine/sampler.ts'
import type { SamplingParams } from '../../src/engine/types.ts'
import { GREEDY } from '../support/engine-driver.ts'

const NO_HISTORY: TokenHistory = { promptIds: new Set(), outputCounts: new Map() }

function sample(
  logits: readonly number[],
  params: Partial<SamplingParams>,
  uniform = 0,
  history = NO_HISTORY,
) {
  const sampler = new Sampler(logits.length)
  return sampler.sample(Float32Array.from(logits), { ...GREEDY, ...params }, history, () => uniform)
}

/** Ids that can come out at all, by asking for many points of the unit interval. */
function reachable(logits: readonly number[], params: Partial<SamplingParams>): number[] {
  const ids = new Set<number>()
  for (let i = 0; i < 2000; i++) ids.add(sample(logits, params, i / 2000).id)
  return [...ids].sort((a, b) => a - b)
}

/** ln of probabilities, so that softmax gives them back. */
const logs = (...probabilities: number[]) => probabilities.map((p) => Math.log(p))

describe('greedy', () => {
  it('takes the largest logit, the smallest id on ties', () => {
    assert.equal(sample([0, 3, 3, 1], {}).id, 1)
  })

  it('needs no random number', () => {
    const sampler = new Sampler(2)
    const draw = () => assert.fail('asked for a random number')
    assert.equal(sampler.sample(Float32Array.of(1, 2), GREEDY, NO_HISTORY, draw).id, 1)
  })

  it('is what a temperature too small to divide by means', () => {
    assert.equal(sample([1, 1.0001], { temperature: 1e-9 }, 0).id, 1)
  })
})

describe('penalties and bias, by hand', () => {
  // Prompt: 0 and 1. Answer so far: 1 once, 2 three times.
  const history: TokenHistory = {
    promptIds: new Set([0, 1]),
    outputCounts: new Map([
      [1, 1],
      [2, 3],
    ]),
  }

  function processed(params: Partial<SamplingParams>): number[] {
    const logits = Float32Array.of(2, -1, 4, 0.5)
    processLogits(logits, { ...GREEDY, ...params }, history)
    return [...logits]
  }

  it('repetition: prompt and answer, once each, divided when positive and multiplied when negative', () => {
    assert.deepEqual(processed({ repetitionPenalty: 2 }), [1, -2, 2, 0.5])
  })

  it('presence: once for every token of the answer, not of the prompt', () => {
    assert.deepEqual(processed({ presencePenalty: 0.5 }), [2, -1.5, 3.5, 0.5])
  })

  it('frequency: times the count in the answer', () => {
    assert.deepEqual(processed({ frequencyPenalty: 0.5 }), [2, -1.5, 2.5, 0.5])
  })

  it('bias: added', () => {
    const logitBias = new Map([
      [3, 100],
      [0, -100],
    ])
    assert.deepEqual(processed({ logitBias }), [-98, -1, 4, 100.5])
  })

  it('together: repetition first, then frequency and presence, then bias', () => {
    const logitBias = new Map([[2, 1]])
    const all = { repetitionPenalty: 2, frequencyPenalty: 0.5, presencePenalty: 0.25, logitBias }
    assert.deepEqual(processed(all), [1, -2 - 0.5 - 0.25, 2 - 1.5 - 0.25 + 1, 0.5])
  })

  it('leave the session’s logits alone', () => {
    const logits = Float32Array.of(2, 1)
    const params = { ...GREEDY, logitBias: new Map([[1, 5]]) }
    assert.equal(new Sampler(2).sample(logits, params, NO_HISTORY, () => 0).id, 1)
    assert.deepEqual([...logits], [2, 1])
  })
})

describe('truncation', () => {
  const half = logs(0.5, 0.25, 0.15, 0.1)
  const free = { temperature: 1 }

  it('none: every token can come', () => {
    assert.deepEqual(reachable(half, free), [0, 1, 2, 3])
  })

  it('top-k keeps the k largest, the smaller id on ties', () => {
    assert.deepEqual(reachable(half, { ...free, topK: 2 }), [0, 1])
    assert.deepEqual(reachable([1, 2, 2, 2], { ...free, topK: 2 }), [1, 2])
    assert.deepEqual(reachable(half, { ...free, topK: 9 }), [0, 1, 2, 3])
  })

  it('top-p keeps the fewest that reach p, always one', () => {
    assert.deepEqual(reachable(half, { ...free, topP: 0.74 }), [0, 1])
    assert.deepEqual(reachable(half, { ...free, topP: 0.76 }), [0, 1, 2])
    assert.deepEqual(reachable(half, { ...free, topP: 0 }), [0])
  })

  it('top-p counts within the top-k', () => {
    // 0.5 and 0.25 make 2/3 and 1/3 of the top 2.
    assert.deepEqual(reachable(half, { ...free, topK: 2, topP: 0.6 }), [0])
  })

  it('min-p keeps what has that share of the best token’s probability', () => {
    assert.deepEqual(reachable(half, { ...free, minP: 0.29 }), [0, 1, 2])
    assert.deepEqual(reachable(half, { ...free, minP: 0.31 }), [0, 1])
    assert.deepEqual(reachable(half, { ...free, minP: 1 }), [0])
  })

  it('comes after the temperature', () => {
    // At temperature 2 the ratio 0.5 : 0.15 shrinks to its square root.
    assert.deepEqual(reachable(half, { temperature: 2, minP: 0.5 }), [0, 1, 2])
  })

  it('never lets through what a bias has ruled out', () => {
    const logitBias = new Map([[0, Number.NEGATIVE_INFINITY]])
    assert.deepEqual(reachable(half, { ...free, logitBias }), [1, 2, 3])
  })
})

describe('drawing', () => {
  it('follows the softmax: frequencies within five standard deviations', () => {
    const probabilities = [0.5, 0.25, 0.15, 0.1]
    const counts = [0, 0, 0, 0]
    const random = new TokenRandom(3n, 0)
    const sampler = new Sampler(4)
    const logits = Float32Array.from(logs(...probabilities))
    const n = 20_000
    for (let i = 0; i < n; i++) {
      const params = { ...GREEDY, temperature: 1 }
      counts[sampler.sample(logits, params, NO_HISTORY, () => random.uniform(i)).id]!++
    }
    probabilities.forEach((p, id) => {
      const deviation = Math.sqrt(n * p * (1 - p))
      assert.ok(Math.abs(counts[id]! - n * p) < 5 * deviation, `${id}: ${counts[id]}`)
    })
  })

  it('agrees with a sampler that sorts', () => {
    const logit = fc.integer({ min: -40, max: 40 }).map((x) => x / 8)
    fc.assert(
      fc.property(
        fc.array(logit, { minLength: 2, maxLength: 40 }),
        fc.record({
          temperature: fc.double({ min: 0.3, max: 2, noNaN: true }),
          topK: fc.integer({ min: 0, max: 45 }),
          topP: fc.double({ min: 0.05, max: 1, noNaN: true }),
          minP: fc.constantFrom(0, 0.01, 0.1, 0.5),
        }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (logits, params, u) => {
          assert.equal(sample(logits, params, u).id, sampleBySorting(logits, params, u))
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('refuses NaN and a vocabulary without a possible token', () => {
    const code = { code: 'backend_failure' }
    assert.throws(() => sample([1, Number.NaN], {}), code)
    assert.throws(() => sample([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY], {}), code)
  })
})

describe('log probabilities', () => {
  const logits = [1, 3, 2, 0.5]
  const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0))

  it('are the log-softmax of the model’s logits, best first', () => {
    const { logprob, top } = sample(logits, { topLogprobs: 3 })
    assert.ok(Math.abs(logprob! - (3 - logSum)) < 1e-12)
    assert.deepEqual(
      top!.map(({ id }) => id),
      [1, 2, 0],
    )
    for (const { id, logprob: value } of top!) {
      assert.ok(Math.abs(value - (logits[id]! - logSum)) < 1e-12)
    }
  })

  it('say nothing of bias, penalties, temperature or truncation', () => {
    const logitBias = new Map([[3, 100]])
    const told = sample(logits, { topLogprobs: 1, logitBias, temperature: 2, topK: 1 }, 0.5)
    assert.equal(told.id, 3)
    assert.ok(Math.abs(told.logprob! - (0.5 - logSum)) < 1e-12)
    assert.equal(told.top![0]!.id, 1)
  })

  it('come alone when 0 alternatives are asked for, and not at all unasked', () => {
    assert.deepEqual(sample(logits, { topLogprobs: 0 }).top, [])
    assert.deepEqual(sample(logits, {}), { id: 1 })
  })

  it('sum to at most 1, and to 1 over the whole vocabulary', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 0, max: 20 }),
        (xs, n) => {
          const sum = sample(xs, { topLogprobs: n }).top!.reduce(
            (total, { logprob }) => total + Math.exp(logprob),
            0,
          )
          assert.ok(sum <= 1 + 1e-9)
          if (n >= xs.length) assert.ok(sum >= 1 - 1e-9)
        },
      ),
    )
  })
})

/** The same definition in the obvious way: sort, cut, draw in the order of ids. */
function sampleBySorting(
  logits: readonly number[],
  { temperature, topK, topP, minP }: Pick<SamplingParams, 'temperature' | 'topK' | 'topP' | 'minP'>,
  u: number,
): number {
  const max = Math.max(...logits)
  let tokens = logits.map((logit, id) => ({ id, weight: Math.exp((logit - max) / temperature) }))
  tokens.sort((a, b) => b.weight - a.weight || a.id - b.id)
  if (topK > 0) tokens = tokens.slice(0, topK)
  const total = tokens.reduce((sum, { weight }) => sum + weight, 0)
  let sum = 0
  tokens = tokens.filter(({ weight }) => {
    const needed = sum < topP * total || topP === 1
    sum += weight
    return needed
  })
  tokens = tokens.filter(({ weight }) => weight >= minP).sort((a, b) => a.id - b.id)
  let rest = u * tokens.reduce((whole, { weight }) => whole + weight, 0)
  for (const { id, weight } of tokens) {
    rest -= weight
    if (rest < 0) return id
  }
  return logits.indexOf(max)
}
