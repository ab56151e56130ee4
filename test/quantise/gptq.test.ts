/** Rounding weights of a row together: factors, what they bring, and what a decoder's layers read. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { linearInputs } from '../../models/graph/linear-weights.ts'
import { EmbeddingTable } from '../../src/engine/backends/embedding-table.ts'
import { runDecoderStages } from '../../src/engine/backends/graph-stages.ts'
import { decoderGraph, openModelFiles } from '../../src/engine/backends/model-files.ts'
import { addProducts, blockElements, eachBlock, toFactors } from '../../src/quantise/gptq.ts'
import { writeFactors } from '../../src/quantise/layer-inputs.ts'
import { type QuantisedForm, quantiseRows } from '../../src/quantise/quantise-rows.ts'
import { toFloat32 } from '../../src/weights/dtype.ts'
import { dequantise } from '../../src/weights/quantised.ts'
import { scratchFolder } from '../support/checkpoint-folder.ts'
import { assertClose } from '../support/relative-error.ts'
import { seededRandom } from '../support/seeded-random.ts'

const FIXTURES = resolve(import.meta.dirname, '../fixtures')
/** One whole block and a smaller one. */
const WIDTH = 192

/** [rows, width] whose neighbours have much in common, as what layers read does. */
function inputsOf(rows: number, width: number, seed: number): Float32Array {
  const random = seededRandom(seed)
  const inputs = new Float32Array(rows * width)
  for (let at = 0; at < inputs.length; at += width) {
    const common = [random() - 0.5, random() - 0.5, random() - 0.5]
    for (let i = 0; i < width; i++)
      inputs[at + i] = common[i % 3]! * (1 + (i % 7)) + 0.3 * (random() - 0.5)
  }
  return inputs
}

function factorsOf(inputs: Float32Array, width: number): Float32Array {
  const sums = new Float32Array(blockElements(width))
  addProducts(sums, inputs, width)
  toFactors(sums, width)
  return sums
}

describe('factors', () => {
  it('are roots of the inverse of what was summed and a hundredth of its mean diagonal', () => {
    const inputs = inputsOf(400, WIDTH, 1)
    const factors = factorsOf(inputs, WIDTH)
    const blocks: number[] = []
    eachBlock(WIDTH, (start, size, at) => {
      blocks.push(size)
      const sum = (i: number, j: number) => {
        let total = 0
        for (let row = start; row < inputs.length; row += WIDTH)
          total += inputs[row + i]! * inputs[row + j]!
        return total
      }
      const trace = Array.from({ length: size }, (_, i) => sum(i, i)).reduce((a, b) => a + b)
      // UᵀU · H = 1 in some of its columns.
      for (const column of [0, 17, size - 1]) {
        const h = Array.from(
          { length: size },
          (_, i) => sum(i, column) + (i === column ? (0.01 * trace) / size : 0),
        )
        const u = (i: number, j: number) => factors[at + i * size + j]!
        const half = h.map((_, i) => h.reduce((total, value, j) => total + u(i, j) * value, 0))
        const product = h.map((_, j) =>
          half.reduce((total, value, i) => total + u(i, j) * value, 0),
        )
        assertClose(
          Float32Array.from(product),
          Float32Array.from(h, (_, i) => (i === column ? 1 : 0)),
          2e-3,
        )
      }
      assert.equal(factors[at + size], 0, 'nothing below the diagonal')
    })
    assert.deepEqual(blocks, [128, 64])
  })

  it('of columns that nothing was ever read from leave each weight to itself', () => {
    const factors = factorsOf(new Float32Array(5 * WIDTH), WIDTH)
    const weights = inputsOf(4, WIDTH, 2)
    const form = { kind: 'groups', bits: 4, group: 32, hasZeroPoints: true } as const
    assert.deepEqual(
      quantiseRows(weights, WIDTH, form, factors),
      quantiseRows(weights, WIDTH, form),
    )
  })
})

describe('rows that are rounded with factors', () => {
  const inputs = inputsOf(300, WIDTH, 3)
  const factors = factorsOf(inputs, WIDTH)
  const random = seededRandom(4)
  const weights = Float32Array.from({ length: 8 * WIDTH }, () => random() + random() - 1)
  const readBack = (
    form: QuantisedForm & { kind: 'groups' },
    by?: Float32Array,
    rows = weights,
  ) => {
    const { values, scales, zeroPoints } = quantiseRows(rows, WIDTH, form, by)
    return dequantise({
      ...form,
      isSigned: false,
      shape: [rows.length / WIDTH, WIDTH],
      values,
      scales: toFloat32('F16', scales),
      ...(zeroPoints && { zeroPoints }),
    })
  }
  /** Mean square of what a layer would compute otherwise. */
  const lossOf = (back: Float32Array) => {
    let sum = 0
    for (let row = 0; row < weights.length; row += WIDTH) {
      for (let x = 0; x < inputs.length; x += WIDTH) {
        let error = 0
        for (let i = 0; i < WIDTH; i++)
          error += inputs[x + i]! * (weights[row + i]! - back[row + i]!)
        sum += error ** 2
      }
    }
    return sum
  }

  for (const group of [32, 64])
    for (const hasZeroPoints of [true, false])
      it(`lose less than half of what the nearest lose: groups of ${group}${hasZeroPoints ? ', zero points' : ''}`, () => {
        const form = { kind: 'groups', bits: 4, group, hasZeroPoints } as const
        const [nearest, together] = [lossOf(readBack(form)), lossOf(readBack(form, factors))]
        assert.ok(together < 0.5 * nearest, `${together} of ${nearest}`)
      })

  it('keep what is zero in 2:4 rows, and lose less than the nearest there too', () => {
    const pruned = weights.map((value, i) => (i % 4 === (i >> 2) % 3 || i % 4 === 3 ? 0 : value))
    // Of the last row one quad has three values: it is like any other.
    const dense = weights.length - WIDTH
    const last = pruned.findLastIndex((_, i) => i % 4 === 0)
    for (let i = last; i < pruned.length; i++) pruned[i] = 0.25 + 0.1 * (i - last)
    const lossOfPruned = (back: Float32Array) =>
      lossOf(weights.map((value, i) => value - (pruned[i]! - back[i]!)))
    for (const hasZeroPoints of [true, false]) {
      const form = { kind: 'groups', bits: 4, group: 32, hasZeroPoints } as const
      const back = readBack(form, factors, pruned)
      for (const [i, value] of pruned.subarray(0, dense).entries())
        if (value === 0) assert.ok(back[i] === 0, `value ${i} is ${back[i]}`)
      assert.ok(
        pruned.subarray(dense).some((value, i) => value === 0 && back[dense + i] !== 0),
        'zeros of a row that is not 2:4 are weights like others',
      )
      const [nearest, together] = [
        lossOfPruned(readBack(form, undefined, pruned)),
        lossOfPruned(back),
      ]
      assert.ok(together < nearest, `${together} of ${nearest}`)
    }
  })

  it('are the same whatever rows are rounded beside them', () => {
    const form = { kind: 'groups', bits: 4, group: 32, hasZeroPoints: true } as const
    const one = weights.subarray(3 * WIDTH, 4 * WIDTH)
    assert.deepEqual(
      readBack(form, factors, one),
      readBack(form, factors).subarray(3 * WIDTH, 4 * WIDTH),
    )
  })
})

describe('what the layers of a decoder read', () => {
  for (const name of ['decoders/qwen2', 'decoders/phi3']) {
    it(`is what the whole graph hands them, in pieces and sequences: ${name}`, async (t) => {
      const scratch = scratchFolder()
      t.after(() => rmSync(scratch, { recursive: true }))
      const files = await openModelFiles(join(FIXTURES, name, 'checkpoint'))
      await using _weights = files.checkpoint
      const graph = decoderGraph(files)
      const layers = linearInputs(graph)
      const wanted = new Set([...layers.keys()].map((weight) => weight.name))
      const ids = Int32Array.from({ length: 40 }, (_, i) => (i * 7) % files.limits.vocabSize)
      const target = join(scratch, 'factors.bin')
      const places = await writeFactors(
        target,
        files,
        { ids, wanted },
        { threads: 1, mostElements: 3000 },
      )
      assert.deepEqual(new Set(places.keys()), wanted)
      const embeddings = (await EmbeddingTable.load(files)).embed([{ kind: 'tokens', ids }])
      const stages = [...layers].map(([weight, [value]]) => ({
        name: `into ${weight.name}`,
        value: value!,
      }))
      const decoder = { ...graph, stages }
      const whole = await runDecoderStages(
        { ...files, graphs: { ...files.graphs, decoder } },
        'onnx',
        embeddings,
      )
      const bytes = readFileSync(target)
      for (const [weight, { offset, width }] of places) {
        const found = new Float32Array(
          bytes.buffer,
          bytes.byteOffset + offset,
          blockElements(width),
        )
        assertClose(found, factorsOf(whole.get(`into ${weight}`)!, width), 1e-3, weight)
      }
    })
  }

  it('is refused by the id that the vocabulary does not have', async (t) => {
    const scratch = scratchFolder()
    t.after(() => rmSync(scratch, { recursive: true }))
    const files = await openModelFiles(join(FIXTURES, 'decoders/qwen2/checkpoint'))
    await using _weights = files.checkpoint
    const ids = Int32Array.of(1, files.limits.vocabSize)
    await assert.rejects(
      writeFactors(join(scratch, 'f'), files, { ids, wanted: new Set() }, { threads: 1 }),
      { code: 'invalid_package', message: /token id \d+ of the calibration text is outside/ },
    )
  })
})
