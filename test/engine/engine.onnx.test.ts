/** The engine on ONNX Runtime and the reference, with the small checkpoint that PyTorch recorded. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { request } from '../support/engine-driver.ts'
import { NEVER, recordedPrompt, startSmall, testEngineOn } from '../support/engine-suite.ts'
import { readRecordedCase } from '../support/starter-checkpoint.ts'
import { collect, endingsOf, idsOf } from '../support/toy-engine.ts'

const recorded = await readRecordedCase()

testEngineOn('onnx', { same: 1e-4 })

describe('a model that cannot be loaded', () => {
  it('says why', async () => {
    await assert.rejects(startSmall({ modelDir: '/nowhere' }), { code: 'invalid_package' })
    await assert.rejects(startSmall({ kvCacheBytes: 1 }), { code: 'invalid_config' })
  })

  it('is not tried with an unknown backend', async () => {
    const backend = 'abacus' as 'onnx'
    await assert.rejects(startSmall({ backend }), { code: 'invalid_config' })
  })
})

describe('the engine on the reference backend', () => {
  it('writes what PyTorch wrote', async () => {
    const engine = await startSmall({ backend: 'reference' })
    after(() => engine.dispose())
    const ask = request({ prompt: recordedPrompt, maxTokens: 4 })
    const events = await collect(engine.generate(ask, NEVER))
    assert.deepEqual(idsOf(events), recorded.generatedIds.slice(0, 4))
    assert.deepEqual(endingsOf(events), ['length'])
  })
})
