/** Settings of a model are held to what it is before anything of it is loaded. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { resolveConfig } from '../../src/config.ts'
import { modelSpecs } from '../../src/config-models.ts'
import { checkSettings } from '../../src/serving/check-settings.ts'
import { kindOf } from '../../src/serving/find-models.ts'
import { openModelSource } from '../../src/weights/model-source.ts'
import { PLAIN, QWEN2 } from '../support/adapters.ts'
import { NO_ADDON } from '../support/native-programs.ts'
import { FIXTURES } from '../support/recorded-cases.ts'

const WHISPER = join(FIXTURES, 'speech/tiny-whisper')
const CLIP = join(FIXTURES, 'embeddings/tiny-clip')
const QWEN3 = join(FIXTURES, 'decoders/qwen3/checkpoint')
const poet = [`poet=${PLAIN}`]

async function check(model: string, settings: object): Promise<void> {
  const file = { name: 'a.yaml', content: { models: [{ model, ...settings }] } }
  const [spec] = modelSpecs(resolveConfig({ file }))
  const found = { directory: model, name: 'it', manifest: undefined }
  const source = { ...found, ...(await openModelSource(model)) }
  await checkSettings(spec!, source, kindOf(source))
}

describe('the settings of a model', () => {
  it('are taken where it has a use for them', { skip: NO_ADDON }, async () => {
    await check(QWEN2, { kvCacheBytes: '1GiB', adapters: poet, threads: 1 })
    await check(CLIP, { encoderSessions: 2, maxPatches: 64, maxImagesPerRequest: 3 })
    await check(WHISPER, { speechBatch: 2, maxWaiting: 3, backend: 'onnx' })
  })

  it('are refused by name where it has none', async () => {
    const refusals = [
      [CLIP, { kvCacheBytes: '1GiB' }, 'kvCacheBytes', 'is a tower without a decoder'],
      [CLIP, { maxWaiting: 3 }, 'maxWaiting', 'is a tower without a decoder'],
      [WHISPER, { encoderCacheBytes: 0 }, 'encoderCacheBytes', 'writes down speech'],
      [WHISPER, { adapters: poet }, 'adapters', 'writes down speech'],
      [QWEN2, { threads: 1, speechBatch: 2 }, 'speechBatch', 'answers'],
    ] as const
    for (const [model, settings, key, what] of refusals) {
      await assert.rejects(check(model, settings), {
        code: 'invalid_config',
        message: `${key}: means nothing to a model that ${what}`,
      })
    }
  })

  it('name adapters that fit it, which is seen before a request asks for one', async () => {
    await assert.rejects(check(QWEN2, { adapters: ['poet=/nowhere/at/all'] }), {
      code: 'invalid_package',
      message: /^adapter poet: \/nowhere\/at\/all: there is no adapter_config.json/,
    })
    await assert.rejects(check(QWEN3, { adapters: poet }), {
      code: 'invalid_package',
      message: /^adapter poet: .*: lora_A is \[4, 72\], expected \[4, 64\]/,
    })
    await assert.rejects(check(QWEN2, { adapters: poet, maxAdapterRank: 2 }), /maxAdapterRank/)
    await assert.rejects(check(QWEN2, { adapters: poet, backend: 'onnx' }), {
      code: 'invalid_config',
      message: 'adapters need the native runtime; the model runs on ONNX Runtime, as configured',
    })
  })
})
