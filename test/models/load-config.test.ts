import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { loadModelConfig } from '../../models/load-config.ts'
import { STARTER_CHECKPOINT, starterConfig } from '../support/starter-checkpoint.ts'

describe('loadModelConfig', () => {
  it('tells family, limits, preprocessing and placeholder of a model folder', async () => {
    const { family, limits, preprocessing, picturePrompt, graphs } =
      await loadModelConfig(STARTER_CHECKPOINT)
    assert.equal(family.modelType, 'aerie_starter')
    assert.equal(limits.tokensPerTile, 100)
    assert.equal(preprocessing?.size, 160)
    assert.equal(picturePrompt?.placeholder(1), '<image>')
    assert.deepEqual(
      graphs.decoder.outputs.map(({ name }) => name),
      ['hidden', 'logits'],
    )
  })

  it('refuses a folder without a usable config.json, saying why', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aerie-config-'))
    const refusals: [content: string | undefined, message: RegExp][] = [
      [undefined, /config\.json: there is no such file/],
      ['{', /config\.json: .*JSON/],
      ['[]', /config\.json: model_type undefined is not supported; supported: aerie_starter/],
      ['null', /is not supported/],
      ['{"model_type": "../errors"}', /model_type "\.\.\/errors" is not supported/],
      [
        JSON.stringify({ ...starterConfig(), image_size: '160' }),
        /config\.json: image_size: expected an integer from 1 to 16777216, got "160"/,
      ],
    ]
    for (const [content, message] of refusals) {
      if (content !== undefined) writeFileSync(join(folder, 'config.json'), content)
      await assert.rejects(loadModelConfig(folder), { code: 'invalid_package', message })
    }
    rmSync(folder, { recursive: true })
  })

  it('reads the file beside it that may say otherwise what a family fixes', async () => {
    const checkpoint = resolve(import.meta.dirname, '../fixtures/eagle/x5-vicuna-s160/checkpoint')
    const folder = mkdtempSync(join(tmpdir(), 'aerie-config-'))
    cpSync(join(checkpoint, 'config.json'), join(folder, 'config.json'))
    const overrides = 'aerie_tower_overrides.json'
    // The towers' widths are those of the small ones.
    await assert.rejects(loadModelConfig(folder), {
      code: 'invalid_package',
      message: /config\.json: mm_hidden_size: expected 7680, .* got 136$/,
    })
    writeFileSync(join(folder, overrides), '{')
    await assert.rejects(loadModelConfig(folder), {
      code: 'invalid_package',
      message: /aerie_tower_overrides\.json: .*JSON/,
    })
    cpSync(join(checkpoint, overrides), join(folder, overrides))
    assert.equal((await loadModelConfig(folder)).limits.tokensPerTile, 25)
    rmSync(folder, { recursive: true })
  })
})
