/** The blocks that Eagle shares with the starter, fed with what Eagle's published code recorded before them. */
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { convNext } from '../../../models/blocks/convnext.ts'
import { channelsLast } from '../../../models/blocks/dense.ts'
import { concatChannels, gridToTokens } from '../../../models/blocks/fuse.ts'
import { mlp2xGelu } from '../../../models/blocks/projector.ts'
import { GraphBuilder } from '../../../models/graph/builder.ts'
import type { Graph } from '../../../models/graph/graph.ts'
import { loadModelConfig } from '../../../models/load-config.ts'
import { OnnxSession } from '../../../src/engine/backends/onnx-session.ts'
import { interpret } from '../../../src/engine/backends/reference/interpreter.ts'
import { tensor } from '../../../src/engine/backends/reference/tensor.ts'
import { readPixels } from '../../../src/parity/read-picture.ts'
import { Checkpoint } from '../../../src/weights/checkpoint.ts'
import { assertClose } from '../../support/relative-error.ts'
import { readSafetensors } from '../../support/safetensors-file.ts'

const CASE = resolve(import.meta.dirname, '../../fixtures/eagle/x5-vicuna-s160')
const TOLERANCE = 1e-4
const CONVNEXT = 'model.vision_tower.vision_towers.1.vision_tower'
const PROJECTOR = 'model.mm_projector'
const WIDTH = 48

const recorded = readSafetensors(join(CASE, 'expected.safetensors'))
// The case keeps some rows of them; that all are right is for `aerie parity` to say.
const { preprocessing } = await loadModelConfig(join(CASE, 'checkpoint'))
recorded.set('pixels.a', await readPixels([join(CASE, 'inputs/a.png')], preprocessing!))

describe("Eagle's blocks", () => {
  it('see the picture as its ConvNeXt does', async () => {
    const g = new GraphBuilder('convnext')
    const map = convNext(g, g.input('pixels.a', [1, 3, 160, 160]), CONVNEXT, {
      imageSize: 160,
      patchSize: 4,
      kernelSize: 7,
      hiddenSizes: [8, 12, 20, 28],
      depths: [1, 2, 3, 1],
      layerNormEps: 1e-5,
      scaleName: 'weight',
    })
    g.output('convnext.out', gridToTokens(g, map))
    await agree(g.build())
  })

  it('bring five towers to one grid, join their channels and project them as it does', async () => {
    const g = new GraphBuilder('fusion')
    const tokens = (name: string, side: number, channels: number) =>
      g.reshape(g.input(name, [1, side * side, channels]), [1, side, side, channels])
    const map = (name: string, side: number, channels: number) =>
      channelsLast(g, g.input(name, [1, channels, side, side]))
    // The last rows of Pix2Struct are padding.
    const patches = g.slice(g.input('pix2struct.final_norm', [1, 90, 20]), 1, 0, 81)
    const towers = [
      tokens('clip.out', 4, 24),
      tokens('convnext.out', 5, 28),
      map('sam.out', 5, 24),
      map('eva.out', 10, 40),
      g.reshape(patches, [1, 9, 9, 20]),
    ]
    const fused = concatChannels(g, towers, 5)
    g.output('fused', fused)
    g.output('projected', mlp2xGelu(g, fused, PROJECTOR, WIDTH, WIDTH))
    await agree(g.build())
  })
})

/** Runs a graph whose inputs and outputs are recorded stages, on both lowerings. */
async function agree(graph: Graph): Promise<void> {
  await using checkpoint = await Checkpoint.open(join(CASE, 'checkpoint'))
  const weights = new Map<string, ReturnType<typeof tensor>>()
  for (const { name, shape } of graph.weights) {
    const floats = await checkpoint.readFloats(checkpoint.tensors.get(name)!)
    weights.set(name, tensor(shape, Float64Array.from(floats)))
  }
  const shapes = graph.inputs.map(
    ({ name, value }) => [name, value.shape as readonly number[]] as const,
  )
  const exact = interpret(graph, {
    feeds: new Map(
      shapes.map(([name, shape]) => [name, tensor(shape, Float64Array.from(recorded.get(name)!))]),
    ),
    weights,
  })
  const session = await OnnxSession.load(graph, checkpoint.tensors, { threads: 1 })
  const feeds = shapes.map(([name, dims]) => [name, { data: recorded.get(name)!, dims }] as const)
  const fetched = await session.run(
    Object.fromEntries(feeds),
    graph.outputs.map(({ name }) => name),
  )
  await session.dispose()
  for (const { name } of graph.outputs) {
    assertClose(exact.get(name)!.data, recorded.get(name)!, TOLERANCE, `reference: ${name}`)
    assertClose(fetched[name]!, recorded.get(name)!, TOLERANCE, `onnx: ${name}`)
  }
}
