import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultSampling, resolveSampling } from '../../src/chat/sampling.ts'

const UNASKED = {
  temperature: undefined,
  topP: undefined,
  topK: undefined,
  minP: undefined,
  repetitionPenalty: undefined,
  presencePenalty: undefined,
  frequencyPenalty: undefined,
  logitBias: new Map(),
  seed: undefined,
  topLogprobs: undefined,
}

describe('the sampling defaults of a model', () => {
  it('are those of generation_config.json', () => {
    const defaults = defaultSampling({
      temperature: 0.6,
      top_p: 0.9,
      top_k: 20,
      min_p: 0.1,
      repetition_penalty: 1.05,
    })
    assert.deepEqual(defaults, {
      temperature: 0.6,
      topP: 0.9,
      topK: 20,
      minP: 0.1,
      repetitionPenalty: 1.05,
    })
    assert.equal(resolveSampling(UNASKED, defaults).topK, 20)
    assert.equal(resolveSampling({ ...UNASKED, topK: 0 }, defaults).topK, 0)
  })

  it('have a top_k that every sampler takes: whole, and 0 for all tokens', () => {
    const topK = (value: unknown) => defaultSampling({ top_k: value }).topK
    assert.deepEqual([-1, -0.5, 0, 0.5, 50.5, 1e300, Number.NaN, '40', null, undefined].map(topK), [
      0,
      0,
      0,
      0,
      50,
      Number.MAX_SAFE_INTEGER,
      0,
      0,
      0,
      0,
    ])
  })
})
