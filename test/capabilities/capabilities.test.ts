import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { family as llama } from '../../models/llama.ts'
import { family as vila } from '../../models/llava_llama.ts'
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import type { Tiling } from '../../models/tiling/tiling.ts'
import { expertsOf } from '../../src/capabilities/experts.ts'
import { findModel } from '../../src/capabilities/find-model.ts'
import { tiledImageTokens } from '../../src/capabilities/image-tokens.ts'
import { familyParity, type ParityRecord } from '../../src/capabilities/parity.ts'

const PAGE = new URL('../../docs/parity.md', import.meta.url)
const RECORD = new URL('../../docs/parity.json', import.meta.url)

describe('measured parity', () => {
  it('is of the family and the backend alone, and nothing where nothing was measured', async () => {
    const radio = await familyParity('radio', 'onnx')
    assert.deepEqual(
      radio?.cases.map((c) => [c.case, c.backend]),
      [
        ['c-radio-v3-backbone', 'onnx'],
        ['phi-s', 'onnx'],
        ['radio-v25-norm-adaptors', 'onnx'],
      ],
    )
    for (const { stages } of radio!.cases) {
      for (const { relativeError } of stages) assert.ok((relativeError ?? 0) <= radio!.tolerance)
    }
    assert.equal(await familyParity('radio', 'tensorrt'), undefined)
    assert.equal(await familyParity('hymba', 'onnx'), undefined)
    const nowhere = pathToFileURL('/nowhere/parity.json')
    assert.equal(await familyParity('radio', 'onnx', nowhere), undefined)
  })

  it('is of the run that made the page', () => {
    const { cases } = JSON.parse(readFileSync(RECORD, 'utf8')) as ParityRecord
    const rows = readFileSync(PAGE, 'utf8').match(/^\| .*\d.* \|$/gm)!
    for (const { case: name, backend, stages } of cases) {
      const row = rows.find((line) => line.includes(`| ${name} | ${backend} |`))
      assert.ok(row, `${name} on ${backend}`)
      const worst = Math.max(...stages.map(({ relativeError }) => relativeError ?? 0))
      assert.ok(row.includes(`| ${worst.toExponential(1)} |`), `${row}: ${worst}`)
    }
    assert.ok(cases.length >= 40)
  })
})

describe('experts', () => {
  it('are those that prompts of VILA-M3 name, none of them running, and none of others', () => {
    const found = expertsOf(vila, ['checkpoint', 'MONAI/Llama3-VILA-M3-8B'])
    assert.deepEqual(
      found.map(({ name, isRunning }) => [name, isRunning]),
      ['BRATS', 'VISTA3D', 'VISTA2D', 'CXR'].map((name) => [name, false]),
    )
    assert.deepEqual(expertsOf(vila, ['VILA1.5-3b']), [])
    assert.deepEqual(expertsOf(llama, ['vila-m3']), [])
  })
})

it('a model that is served and cannot do what is asked is told from one that is not served', () => {
  const served = { models: [{ id: 'a' }], others: ['tower'], othersDo: 'embeds pictures' }
  assert.equal(findModel(served, 'a').id, 'a')
  assert.throws(() => findModel(served, 'tower'), {
    code: 'unsupported_parameter',
    param: 'model',
    message: 'model: tower embeds pictures',
  })
  assert.throws(() => findModel(served, 'x'.repeat(200)), {
    code: 'model_not_found',
    message: `model '${'x'.repeat(80)}' is not served here; there is: a, tower`,
  })
})

it('tokens of a picture come with the rule that they follow from', () => {
  const plain: ImagePreprocessing = {
    mode: 'stretch',
    size: 384,
    padColor: [0, 0, 0],
    resample: 'bicubic',
    mean: [0, 0, 0],
    std: [1, 1, 1],
  }
  assert.deepEqual(tiledImageTokens(plain, { tokensPerTile: 196 }), {
    ...{ min: 196, max: 196, perTile: 196 },
    how: 'one tile: the picture stretched to a square of 384×384 pixels, 196 tokens',
  })
  const tiling: Tiling = {
    rule: 'saturated-area',
    minTiles: 1,
    maxTiles: 12,
    thumbnail: true,
    onlyAlone: false,
  }
  const tiled = tiledImageTokens({ ...plain, tiling }, { tokensPerTile: 256 })
  assert.deepEqual([tiled.min, tiled.max], [256, 13 * 256])
  assert.match(tiled.how, /^1 to 12 tiles of 384×384 pixels whose grid is chosen by/)
})
