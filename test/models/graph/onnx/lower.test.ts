/** Every operation means the same in ONNX Runtime as in the reference interpreter. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { GraphBuilder } from '../../../../models/graph/builder.ts'
import type { Graph } from '../../../../models/graph/graph.ts'
import { lowerToOnnx } from '../../../../models/graph/onnx/lower.ts'
import { resolveShape } from '../../../../models/graph/shape.ts'
import { OnnxSession } from '../../../../src/engine/backends/onnx-session.ts'
import { interpret } from '../../../../src/engine/backends/reference/interpreter.ts'
import { sizeOf, tensor } from '../../../../src/engine/backends/reference/tensor.ts'
import { Checkpoint } from '../../../../src/weights/checkpoint.ts'
import { DIMS, FAR, GRAPH_CASES, INTEGERS, rows } from '../../../support/graph-cases.ts'
import { assertClose } from '../../../support/relative-error.ts'
import { writeSafetensors } from '../../../support/safetensors-file.ts'
import { seededRandom } from '../../../support/seeded-random.ts'

describe('lowering to ONNX', () => {
  for (const [op, cases] of Object.entries(GRAPH_CASES)) {
    for (const [what, build] of Object.entries(cases)) {
      it(`keeps the meaning of ${op}: ${what}`, async () => {
        const g = new GraphBuilder(op)
        g.output('y', build(g))
        await compare(g.build())
      })
    }
  }

  it('publishes stages when asked', async () => {
    const g = new GraphBuilder('staged')
    const x = g.stage('first', g.silu(rows(g)))
    g.output('y', g.mul(x, x))
    await compare(g.build())
  })

  it('computes a table that the checkpoint does not hold', async () => {
    const g = new GraphBuilder('derived')
    const table = g.weight('table', [2, 3], { copies: [], values: () => [1, 2, 3, 4, 5, 6] })
    g.output('y', g.mul(g.input('x', ['batch', 2, 3]), table))
    const lowered = lowerToOnnx(g.build(), { locate: () => undefined })
    const { InferenceSession, Tensor } = await import('onnxruntime-node')
    const session = await InferenceSession.create(lowered)
    const x = new Tensor('float32', Float32Array.of(1, 1, 1, 2, 2, 2), [1, 2, 3])
    const { y } = await session.run({ x })
    assert.deepEqual([...(y!.data as Float32Array)], [1, 2, 3, 8, 10, 12])
    await session.release()
  })

  it('refuses a value of another graph', () => {
    const g = new GraphBuilder('one')
    g.output('y', g.silu(new GraphBuilder('other').input('x', [3])))
    assert.throws(
      () => lowerToOnnx(g.build(), { locate: () => assert.fail() }),
      /value 0 of \[3\] belongs to another graph/,
    )
  })
})

/** Runs a graph both ways on random values. */
async function compare(graph: Graph): Promise<void> {
  const random = seededRandom(graph.name.length)
  const shapes = graph.inputs.map(({ value }) => resolveShape(value.shape, DIMS))
  const values = graph.inputs.map(({ name, value }, i) =>
    Float64Array.from({ length: sizeOf(shapes[i]!) }, () =>
      value.type === 'int32'
        ? Math.floor(random() * INTEGERS) + (name.startsWith('far') ? FAR : 0)
        : Math.fround(random() * 4 - 2),
    ),
  )
  const folder = mkdtempSync(join(tmpdir(), 'aerie-lower-'))
  const weights = graph.weights.map(({ name, shape }) => {
    return [
      name,
      { shape, values: Float32Array.from({ length: sizeOf(shape) }, () => random() * 2 - 1) },
    ] as const
  })
  writeSafetensors(join(folder, 'model.safetensors'), Object.fromEntries(weights))

  const expected = interpret(graph, {
    feeds: new Map(graph.inputs.map(({ name }, i) => [name, tensor(shapes[i]!, values[i]!)])),
    weights: new Map(
      weights.map(([name, { shape, values: floats }]) => [
        name,
        tensor(shape, Float64Array.from(floats)),
      ]),
    ),
  })
  await using checkpoint = await Checkpoint.open(folder)
  const session = await OnnxSession.load(graph, checkpoint.tensors, { threads: 1, stages: true })
  const feeds = graph.inputs.map(({ name, value }, i) => {
    const data =
      value.type === 'int32' ? Int32Array.from(values[i]!) : Float32Array.from(values[i]!)
    return [name, { data, dims: shapes[i]! }] as const
  })
  const results = await session.run(Object.fromEntries(feeds), [...expected.keys()])
  for (const [name, { data }] of expected) assertClose(results[name]!, data, 1e-6, name)
  await session.dispose()
  rmSync(folder, { recursive: true })
}
