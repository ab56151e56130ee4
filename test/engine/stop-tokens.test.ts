/** Ids that end an answer, as the engine hands them to samplers. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Sampler, type TokenSampler } from '../../src/engine/sampler.ts'
import { EngineDriver } from '../support/engine-driver.ts'
import { ToyDecoder } from '../support/toy-decoder.ts'

describe('stop tokens', () => {
  it('are forbidden to a short answer, but for those that the decoder has no logits for', async () => {
    const forbidden: (readonly number[])[] = []
    const toy = new ToyDecoder()
    const plain = new Sampler(toy.vocabSize)
    const sampler: TokenSampler = {
      sample(logits, params, history, uniform, ids = new Set()) {
        forbidden.push([...ids])
        return plain.sample(logits, params, history, uniform, ids)
      },
    }
    const engine = new EngineDriver(Object.assign(toy, { sampler }))
    const stopTokenIds = new Set([-1, 2, 2.5, toy.vocabSize - 1, toy.vocabSize, 2 ** 40])
    await engine.answer({ stopTokenIds, minTokens: 2, maxTokens: 2 })
    assert.deepEqual(forbidden, [
      [2, toy.vocabSize - 1],
      [2, toy.vocabSize - 1],
    ])
  })
})
