/** A tower in all its forms: PyTorch's part is played by our own lowering of a small one, so that no Python is needed. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, it } from 'node:test'
import { lowerToOnnx } from '../../models/graph/onnx/lower.ts'
import { towerGraph } from '../../src/bench/tower-forms.ts'
import { findNativeAddon } from '../../src/engine/backends/native-addon.ts'
import { Checkpoint } from '../../src/weights/checkpoint.ts'
import { writeSafetensors } from '../support/safetensors-file.ts'
import { seededRandom } from '../support/seeded-random.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')
const PRELOADED = new URL('../../bin/end-with-parent.js', import.meta.url).href
const SIZES = {
  hidden_size: 24,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  image_size: 16,
  patch_size: 4,
}
let folder: string
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aerie-tower-'))
  const config = { model_type: 'siglip_vision_model', ...SIZES, pictures: 2 }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  const graph = towerGraph(folder)
  const random = seededRandom(1)
  writeSafetensors(
    join(folder, 'model.safetensors'),
    Object.fromEntries(
      graph.weights.map(({ name, shape }) => {
        const length = shape.reduce((product, extent) => product * extent, 1)
        return [name, { shape, values: Float32Array.from({ length }, () => random() - 0.5) }]
      }),
    ),
  )
  await exportOnnx(1)
})
after(() => rmSync(folder, { recursive: true }))

/** As the exporter would; the marker says for which command line. */
async function exportOnnx(markedLayers: number): Promise<void> {
  await using checkpoint = await Checkpoint.open(folder)
  const tensors = checkpoint.tensors
  const model = lowerToOnnx(towerGraph(folder), {
    locate: ({ name }) => {
      const { offset, byteLength } = tensors.get(name)!
      return { type: 'float32', location: 'model.safetensors', offset, length: byteLength }
    },
  })
  writeFileSync(join(folder, 'pytorch.onnx'), model)
  const marker = { pictures: 2, num_hidden_layers: markedLayers }
  writeFileSync(join(folder, 'exported.json'), JSON.stringify(marker))
}

const bench = (...more: string[]) =>
  spawnSync(
    process.execPath,
    // As `npx aerie` is run where the machine's own Node is too old.
    [
      '--import',
      PRELOADED,
      AERIE,
      'bench',
      'tower',
      '--exported',
      folder,
      '--pictures',
      '2',
      '--layers',
      '1',
      ...more,
    ],
    { encoding: 'utf8' },
  )

it('runs all in turns and says how far they agree', () => {
  const { status, stdout, stderr } = bench('--rounds', '2', '--threads', '1', '--json')
  assert.equal(status, 0, stderr)
  const { tower, forms } = JSON.parse(stdout)
  assert.deepEqual(tower, { pictures: 2, imageSize: 16, layers: 2, hiddenSize: 24 })
  assert.deepEqual(
    forms.map((f: { form: string; seconds: number[] }) => [f.form, f.seconds.length]),
    [
      ['pytorch', 2],
      ['onnx', 2],
      ['onnx-int8', 2],
      ...('addon' in findNativeAddon() ? ['native', 'native-int8'].map((form) => [form, 2]) : []),
    ],
  )
  for (const { form, difference, cosine, peakBytes } of forms) {
    if (form.endsWith('-int8')) assert.ok(difference > 1e-4 && cosine < 1, 'as if not quantised')
    else assert.ok(difference <= 1e-6, String(difference))
    assert.ok(cosine > 0.999, String(cosine))
    assert.ok(peakBytes > 10e6)
  }
})

it('fails by name without a Python that can export', () => {
  rmSync(join(folder, 'exported.json'))
  const { status, stderr } = bench('--python', 'no-such-python')
  assert.equal(status, 1)
  assert.match(stderr, /no-such-python could not export the tower: .*ENOENT/)
})
