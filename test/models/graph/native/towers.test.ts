/** Towers and projectors as native programs: which have one, and that it computes what the graph does. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Graph } from '../../../../models/graph/graph.ts'
import { type NativeOptions, nativeProgram } from '../../../../models/graph/native/lower.ts'
import { resolveShape } from '../../../../models/graph/shape.ts'
import { loadModelConfig } from '../../../../models/load-config.ts'
import { interpret } from '../../../../src/engine/backends/reference/interpreter.ts'
import { sizeOf, tensor } from '../../../../src/engine/backends/reference/tensor.ts'
import { weightTensors } from '../../../support/native-weights.ts'
import { runProgram } from '../../../support/program-interpreter.ts'
import { FIXTURES } from '../../../support/recorded-cases.ts'
import { assertClose } from '../../../support/relative-error.ts'
import { seededRandom } from '../../../support/seeded-random.ts'

const load = (name: string) => loadModelConfig(join(FIXTURES, name, 'checkpoint'))

describe('towers as native programs', () => {
  it('SigLIP with a projector that joins squares', async () => {
    compare((await load('vila/vila15')).graphs.encoder!)
  })

  it('SigLIP at several scales, and the projector behind them', async () => {
    const { encoder, merging } = (await load('vila/nvila-dynamic-s2')).graphs
    compare(encoder!)
    compare(merging!.projector)
  })

  it('RADIO with its adaptors', async () => {
    const { embeddingTower: tower } = await load('radio/radio-v25-norm-adaptors')
    for (const output of tower!.outputs) compare(tower!.graph({ height: 48, width: 32 }, output))
  })

  it('both towers of the starter, a ViT behind the mean of squares and a ConvNeXt', async () => {
    compare((await load('starter')).graphs.encoder!, { stages: true })
  })

  it('SigLIP with a ConvNeXt beside it', async () => {
    compare((await load('eagle2/eagle2-moe')).graphs.encoder!)
  })

  it('not the five of Eagle X5, and the reason names what SAM wants', async () => {
    const lowered = nativeProgram((await load('eagle/x5-vicuna-s160')).graphs.encoder!)
    assert.ok('refusal' in lowered)
    assert.match(lowered.refusal, /^relativeAttention of/)
  })
})

/** Both ways on random values, two items at once. */
function compare(graph: Graph, options: NativeOptions = {}): void {
  const lowered = nativeProgram(graph, options)
  assert.ok('program' in lowered, 'refusal' in lowered ? lowered.refusal : '')
  const random = seededRandom(3)
  const fill = (shape: readonly number[]) =>
    tensor(
      shape,
      Float64Array.from({ length: sizeOf(shape) }, () => random() - 0.5),
    )
  const [{ name, value }] = graph.inputs as [(typeof graph.inputs)[0]]
  const dims = new Map([[value.shape[0] as string, 2]])
  const input = fill(resolveShape(value.shape, dims))
  const weights = new Map(graph.weights.map(({ name, shape }) => [name, fill(shape)]))
  const expected = interpret(graph, { feeds: new Map([[name, input]]), weights })
  const results = runProgram(lowered.program, {
    dims,
    inputs: [input],
    weights: weightTensors(lowered.weights, weights),
  })
  assert.ok(results.size > 0)
  for (const [output, { data }] of results) {
    // Constant matrices have 64 bits here, and 32 in a program's weights.
    assertClose(data, expected.get(output)!.data, 1e-6, output)
  }
}
