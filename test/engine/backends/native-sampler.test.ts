/** The sampler of the native runtime against the one in TypeScript: equal ids and equal doubles, on every instruction set. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { NativeSampler } from '../../../src/engine/backends/native-sampler.ts'
import type { TokenHistory } from '../../../src/engine/logits-processor.ts'
import { Sampler } from '../../../src/engine/sampler.ts'
import type { SamplingParams } from '../../../src/engine/types.ts'
import { EngineDriver, GREEDY } from '../../support/engine-driver.ts'
import { addon, isas, NO_ADDON, numbers } from '../../support/native-programs.ts'
import { ToyDecoder } from '../../support/toy-decoder.ts'

const VOCAB = 70
const NO_HISTORY: TokenHistory = { promptIds: new Set(), outputCounts: new Map() }

interface Case {
  readonly logits: Float32Array
  readonly params: SamplingParams
  readonly history: TokenHistory
  readonly uniform: number
  readonly forbidden: ReadonlySet<number>
}

/** Steps of an eighth, so that there are ties; far ones, whose weights are subnormal or nothing; and what cannot be chosen. */
const logit = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -40, max: 40 }).map((x) => x / 8) },
  { weight: 2, arbitrary: fc.float({ min: -100, max: 20, noNaN: true }) },
  { weight: 1, arbitrary: fc.constant(Number.NEGATIVE_INFINITY) },
)
const id = fc.integer({ min: 0, max: VOCAB - 1 })
const amount = fc.double({ min: -2, max: 2, noNaN: true })
const sometimes = <T>(value: T, arbitrary: fc.Arbitrary<T>) =>
  fc.oneof(fc.constant(value), arbitrary)

const cases: fc.Arbitrary<Case> = fc.record({
  logits: fc
    .array(logit, { minLength: VOCAB, maxLength: VOCAB })
    .map((values) => Float32Array.from(values)),
  params: fc.record({
    temperature: fc.oneof(
      fc.constantFrom(0, 1e-6, 1),
      fc.double({ min: 0.005, max: 2, noNaN: true }),
    ),
    topP: sometimes(1, fc.double({ min: 0, max: 1, noNaN: true })),
    topK: sometimes(0, fc.integer({ min: 0, max: VOCAB + 9 })),
    minP: sometimes(0, fc.double({ min: 0, max: 1, noNaN: true })),
    repetitionPenalty: sometimes(1, fc.double({ min: 0.1, max: 3, noNaN: true })),
    presencePenalty: sometimes(0, amount),
    frequencyPenalty: sometimes(0, amount),
    logitBias: fc
      .array(fc.tuple(id, fc.double({ min: -100, max: 100, noNaN: true })), { maxLength: 4 })
      .map((pairs) => new Map(pairs)),
    seed: fc.constant(undefined),
    topLogprobs: sometimes<number | undefined>(undefined, fc.integer({ min: 0, max: 20 })),
  }),
  history: fc.record({
    promptIds: fc.array(id, { maxLength: 8 }).map((ids) => new Set(ids)),
    outputCounts: fc
      .array(fc.tuple(id, fc.integer({ min: 1, max: 9 })), { maxLength: 8 })
      .map((pairs) => new Map(pairs)),
  }),
  uniform: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  forbidden: fc.array(id, { maxLength: 2 }).map((ids) => new Set(ids)),
})

type AnySampler = Pick<Sampler, 'sample'>

/** What it chose, or what it said instead. */
function outcome(sampler: AnySampler, { logits, params, history, uniform, forbidden }: Case) {
  try {
    return sampler.sample(logits, params, history, () => uniform, forbidden)
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string }
    return { name, message, code }
  }
}

describe('the native sampler', { skip: NO_ADDON }, () => {
  for (const isa of isas()) {
    it(`chooses as the one in TypeScript does, 10 000 times, with ${isa}`, () => {
      const native = new NativeSampler(addon(), VOCAB, isa)
      const plain = new Sampler(VOCAB)
      fc.assert(
        fc.property(cases, (one) => {
          const before = one.logits.slice()
          assert.deepEqual(outcome(native, one), outcome(plain, one))
          assert.deepEqual(one.logits, before)
        }),
        { numRuns: 10_000 },
      )
    })

    it(`cuts a vocabulary of 20 011 alike with ${isa}`, () => {
      const logits = numbers(3, 20_011).map((x) => 4 * x)
      const native = new NativeSampler(addon(), logits.length, isa)
      const plain = new Sampler(logits.length)
      for (const params of [
        { temperature: 1, topP: 0.9 },
        { temperature: 0.3, topP: 0.99, minP: 0.001 },
        { temperature: 2, topK: 50 },
        { temperature: 1, topK: 9000, topP: 0.5 },
        { temperature: 1 },
      ]) {
        for (let i = 0; i < 40; i++) {
          const all: SamplingParams = { ...GREEDY, topLogprobs: 5, ...params }
          const one = { logits, history: NO_HISTORY, uniform: i / 40, forbidden: new Set<number>() }
          const call = { ...one, params: all }
          assert.deepEqual(outcome(native, call), outcome(plain, call), JSON.stringify(params))
        }
      }
    })

    it(`weighs as Math.exp does, to the last bit, with ${isa}`, () => {
      // With two tokens the sum that log probabilities are made of is 1 + e^x.
      const native = new NativeSampler(addon(), 2, isa)
      const plain = new Sampler(2)
      const params = { ...GREEDY, topLogprobs: 1 }
      const draw = () => assert.fail('asked for a random number')
      for (let i = 0; i < 20_000; i++) {
        const x = -(1.0009 ** i) * 1e-5
        const logits = Float32Array.of(x, 0)
        const [a, b] = [native, plain].map((s) => s.sample(logits, params, NO_HISTORY, draw))
        assert.deepEqual(a, b, `e^${x}`)
      }
    })

    it(`refuses NaN and a vocabulary without a possible token in the same words with ${isa}`, () => {
      const one = { params: GREEDY, history: NO_HISTORY, uniform: 0, forbidden: new Set<number>() }
      const native = new NativeSampler(addon(), 40, isa)
      const plain = new Sampler(40)
      for (const at of [0, 17, 39]) {
        const logits = new Float32Array(40)
        logits[at] = Number.NaN
        const said = outcome(native, { ...one, logits })
        assert.match((said as Error).message, new RegExp(`NaN for token ${at}$`))
        assert.deepEqual(said, outcome(plain, { ...one, logits }))
      }
      const logits = new Float32Array(40).fill(Number.NEGATIVE_INFINITY)
      const said = outcome(native, { ...one, logits })
      assert.equal((said as { code: string }).code, 'backend_failure')
      assert.deepEqual(said, outcome(plain, { ...one, logits }))
    })
  }

  it('takes what it keeps of a request anew when it has grown', () => {
    const native = new NativeSampler(addon(), 4)
    const promptIds = new Set([0])
    const params = { ...GREEDY, repetitionPenalty: 2 }
    const draw = () => assert.fail('asked for a random number')
    const logits = Float32Array.of(4, 3.5, 3, 1)
    const history = { promptIds, outputCounts: new Map<number, number>() }
    assert.equal(native.sample(logits, params, history, draw).id, 1)
    history.outputCounts.set(1, 1)
    assert.equal(native.sample(logits, params, history, draw).id, 2)
    promptIds.add(2)
    assert.equal(native.sample(logits, params, history, draw).id, 0)
  })

  it('serves requests whose tokenizer has more ids than the decoder', async () => {
    const toy = new ToyDecoder()
    const stopTokenIds = new Set([-1, toy.vocabSize, toy.vocabSize + 7])
    const request = { stopTokenIds, minTokens: 4, maxTokens: 4 }
    const expected = await new EngineDriver(toy).answer(request)
    const sampler = new NativeSampler(addon(), toy.vocabSize)
    const engine = new EngineDriver(Object.assign(new ToyDecoder(), { sampler }))
    const id = engine.submit(request)
    await engine.finish()
    assert.deepEqual(engine.failures, [])
    assert.equal(expected.length, 4)
    assert.deepEqual(engine.ids(id), expected)
  })

  it('names what it cannot take', () => {
    const { sample } = addon().createSampler(4)
    const sampler = addon().createSampler(4)
    const options = {
      ...{ temperature: 1, topK: 0, topP: 1, minP: 0, uniform: 0 },
      ...{ repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 },
    }
    const call = (more: object, logits = new Float32Array(4)) =>
      sampler.sample(logits, { ...options, ...more })
    assert.throws(
      () => call({}, new Float32Array(5)),
      /^TypeError: logits has 5 elements, expected 4/,
    )
    assert.throws(() => call({ topK: -1 }), /^RangeError: topK is -1/)
    assert.throws(() => call({ temperature: Number.NaN }), /^RangeError: temperature/)
    assert.throws(
      () => call({ repetitionPenalty: 2, repeated: Int32Array.of(4) }),
      /^RangeError: repeated has id 4, the vocabulary has 4/,
    )
    assert.throws(
      () => call({ biased: Int32Array.of(1), biases: new Float64Array(2) }),
      /^TypeError: biased and biases have 1 and 2 elements/,
    )
    assert.throws(
      () => sample.call({} as never, new Float32Array(4), options),
      /expected a Sampler/,
    )
    assert.throws(() => addon().createSampler(0), /^RangeError: vocabSize is 0/)
  })
})
