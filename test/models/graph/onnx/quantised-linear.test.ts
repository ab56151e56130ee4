/** Linear layers with quantised weights: ONNX Runtime against the interpreter over the very same stored weights. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { GraphBuilder } from '../../../../models/graph/builder.ts'
import type { Graph, Value } from '../../../../models/graph/graph.ts'
import { OnnxSession } from '../../../../src/engine/backends/onnx-session.ts'
import { interpret } from '../../../../src/engine/backends/reference/interpreter.ts'
import { tensor } from '../../../../src/engine/backends/reference/tensor.ts'
import type { QuantisedForm } from '../../../../src/quantise/quantise-rows.ts'
import { RowPool } from '../../../../src/quantise/row-pool.ts'
import { writeTensors } from '../../../../src/quantise/write-tensors.ts'
import { Checkpoint } from '../../../../src/weights/checkpoint.ts'
import { relativeError } from '../../../support/relative-error.ts'
import { writeSafetensors } from '../../../support/safetensors-file.ts'
import { seededRandom } from '../../../support/seeded-random.ts'

const [OUT, WIDTH] = [24, 96]
const FORMS: Readonly<Record<string, QuantisedForm>> = {
  'int4 in groups with zero points': { kind: 'groups', bits: 4, group: 32, hasZeroPoints: true },
  'int4 in groups': { kind: 'groups', bits: 4, group: 16, hasZeroPoints: false },
  'int8 in groups': { kind: 'groups', bits: 8, group: 32, hasZeroPoints: false },
  'int8 by rows': { kind: 'rows' },
}

describe('a linear layer with a quantised weight', () => {
  let folder: string
  let pool: RowPool
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'aerie-quantised-'))
    pool = new RowPool(1)
  })
  after(async () => {
    await pool[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  /** What both backends compute for `x` [2, 3, WIDTH]. */
  async function both(
    form: QuantisedForm,
    build: (g: GraphBuilder, x: Value) => Value,
    x: Float32Array,
    more: Readonly<Record<string, { shape: number[]; values: Float32Array }>> = {},
  ): Promise<readonly [onnx: Float32Array, reference: Float32Array]> {
    const random = seededRandom(3)
    const values = Float32Array.from({ length: OUT * WIDTH }, () => random() - 0.4)
    const bias = Float32Array.from({ length: OUT }, () => random())
    writeSafetensors(join(folder, 'plain.safetensors'), {
      w: { shape: [OUT, WIDTH], values },
      b: { shape: [OUT], values: bias },
      ...more,
    })
    await using plain = await Checkpoint.openFile(folder, 'plain.safetensors')
    await writeTensors(
      join(folder, 'quantised.safetensors'),
      [...plain.tensors.values()].map((stored) => ({
        tensor: stored,
        name: stored.name,
        form: stored.name === 'w' ? form : undefined,
      })),
      { pool },
    )
    await using file = await Checkpoint.openFile(folder, 'quantised.safetensors')
    const g = new GraphBuilder('layer')
    const rows = g.input('x', ['batch', 'steps', WIDTH])
    g.output('y', build(g, rows))
    const graph: Graph = g.build()
    const tensors = new Map(graph.weights.map(({ name }) => [name, file.tensors.get(name)!]))
    const session = await OnnxSession.load(graph, tensors, { threads: 1 })
    const { y } = await session.run({ x: { data: x, dims: [2, 3, WIDTH] } }, ['y'])
    await session.dispose()
    const weights = new Map<string, ReturnType<typeof tensor>>()
    for (const { name, shape } of graph.weights)
      weights.set(name, tensor(shape, Float64Array.from(await file.readFloats(tensors.get(name)!))))
    const feeds = new Map([['x', tensor([2, 3, WIDTH], Float64Array.from(x))]])
    const truth = interpret(graph, { feeds, weights }).get('y')!
    return [y!, Float32Array.from(truth.data)]
  }

  const weight = (g: GraphBuilder) => g.weight('w', [OUT, WIDTH])
  const bias = (g: GraphBuilder) => g.weight('b', [OUT])
  const random = seededRandom(7)
  const anything = Float32Array.from({ length: 6 * WIDTH }, () => 4 * random() - 2)
  /** Whole numbers of which each group, and so each row, has 127: activations of 8 bits hold them exactly. */
  const exact = Float32Array.from({ length: 6 * WIDTH }, (_, i) =>
    i % 16 === 0 ? 127 : Math.floor(random() * 255) - 127,
  )

  for (const [name, form] of Object.entries(FORMS)) {
    it(`${name}: computes with the dequantised weight`, async () => {
      const layer = (g: GraphBuilder, x: Value) => g.linear(x, weight(g), bias(g))
      const [onnx, reference] = await both(form, layer, exact)
      assert.ok(relativeError(onnx, reference) < 1e-5, String(relativeError(onnx, reference)))
    })

    it(`${name}: brings what it is multiplied with to 8 bits`, async () => {
      const layer = (g: GraphBuilder, x: Value) => g.linear(x, weight(g))
      const [onnx, reference] = await both(form, layer, anything)
      assert.ok(relativeError(onnx, reference) < 0.02, String(relativeError(onnx, reference)))
    })

    it(`${name}: takes some of the rows of a stack`, async () => {
      const layer = (g: GraphBuilder, x: Value) => {
        const part = g.linear(x, g.slice(weight(g), 0, 8, 20), g.slice(bias(g), 0, 8, 20))
        return g.concat([part, g.linear(x, g.slice(weight(g), 0, 0, 4))], 2)
      }
      const [onnx, reference] = await both(form, layer, exact)
      assert.ok(relativeError(onnx, reference) < 1e-5, String(relativeError(onnx, reference)))
    })

    it(`${name}: adds what a low rank gives back`, async () => {
      const rank = 3
      const matrix = (shape: number[]) => ({
        shape,
        values: Float32Array.from({ length: shape[0]! * shape[1]! }, () => random() - 0.5),
      })
      const [onnx, reference] = await both(
        form,
        (g, x) => g.concat([g.linear(x, g.slice(weight(g), 0, 5, 9)), g.linear(x, weight(g))], 2),
        exact,
        { 'w.low_rank.down': matrix([rank, WIDTH]), 'w.low_rank.up': matrix([OUT, rank]) },
      )
      const [without] = await both(
        form,
        (g, x) => g.concat([g.linear(x, g.slice(weight(g), 0, 5, 9)), g.linear(x, weight(g))], 2),
        exact,
      )
      assert.ok(relativeError(onnx, reference) < 1e-5, String(relativeError(onnx, reference)))
      assert.ok(relativeError(onnx, without) > 0.05)
    })
  }

  it('is refused where anything but linear reads the weight', async () => {
    const form = FORMS['int8 in groups']!
    await assert.rejects(
      both(
        form,
        (g, x) => g.linear(x, g.transpose(g.reshape(weight(g), [WIDTH, OUT]), [1, 0])),
        anything,
      ),
      {
        code: 'invalid_package',
        message: /weight w is quantised, and reshape reads it, expected linear alone/,
      },
    )
  })
})
