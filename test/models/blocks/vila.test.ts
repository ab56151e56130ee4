/** The blocks of VILA's vision side against its published code, stage by stage. */

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { dense, layerNorm } from '../../../models/blocks/dense.ts'
import { joinSquares } from '../../../models/blocks/downsample.ts'
import { readSiglipConfig, siglip } from '../../../models/blocks/siglip.ts'
import { ConfigReader } from '../../../models/config-reader.ts'
import { GraphBuilder } from '../../../models/graph/builder.ts'
import { loadModelConfig } from '../../../models/load-config.ts'
import { OnnxSession } from '../../../src/engine/backends/onnx-session.ts'
import { interpret } from '../../../src/engine/backends/reference/interpreter.ts'
import { tensor } from '../../../src/engine/backends/reference/tensor.ts'
import { readPixels } from '../../../src/parity/read-picture.ts'
import { Checkpoint } from '../../../src/weights/checkpoint.ts'
import { assertClose } from '../../support/relative-error.ts'
import { readSafetensors } from '../../support/safetensors-file.ts'

const CASE = resolve(import.meta.dirname, '../../fixtures/vila/vila15')
const TOLERANCE = 1e-4
const recorded = readSafetensors(join(CASE, 'expected.safetensors'))
const requests = (
  JSON.parse(readFileSync(join(CASE, 'expected.json'), 'utf8')).requests as {
    id: string
    image_files: string[]
  }[]
).filter(({ image_files }) => image_files.length > 0)

/** The case keeps some rows of them; that all are right is for `aerie parity` to say. */
async function pixelsOf(files: readonly string[]): Promise<Float32Array> {
  const { preprocessing } = await loadModelConfig(join(CASE, 'checkpoint'))
  return readPixels(
    files.map((file) => join(CASE, 'inputs', file)),
    preprocessing!,
  )
}

/** `pixels` → the stages that the case recorded. */
function tower() {
  const raw = JSON.parse(readFileSync(join(CASE, 'checkpoint/vision_tower/config.json'), 'utf8'))
  const c = readSiglipConfig(new ConfigReader(raw))
  const g = new GraphBuilder('tower')
  const pixels = g.input('pixels', ['tiles', 3, c.imageSize, c.imageSize])
  // mm_vision_select_layer −2: without the last one.
  g.output(
    'tower_features',
    siglip(g, pixels, 'vision_model', c, { layers: c.layers - 1, stage: 'tower_embeddings' }),
  )
  return g.build()
}

function projector() {
  const g = new GraphBuilder('projector')
  const joined = joinSquares(g, g.input('features', ['tiles', 25, 32]), 2, 'columns')
  g.output('downsampled', joined)
  const hidden = g.gelu(dense(g, layerNorm(g, joined, 'layers.1', 1e-5), 'layers.2', 48), 'erf')
  g.output('projector_output', dense(g, hidden, 'layers.4', 48))
  return g.build()
}

describe("VILA-1.5's blocks", () => {
  for (const [part, graph, feed] of [
    ['vision_tower', tower(), 'pixels'],
    ['mm_projector', projector(), 'tower_features'],
  ] as const) {
    it(`compute what the published ${part} does, for one picture and for two`, async () => {
      await using checkpoint = await Checkpoint.open(join(CASE, 'checkpoint', part))
      const session = await OnnxSession.load(graph, checkpoint.tensors, {
        threads: 1,
        stages: true,
      })
      const weights = new Map<string, ReturnType<typeof tensor>>()
      for (const { name, shape } of graph.weights) {
        const floats = await checkpoint.readFloats(checkpoint.tensors.get(name)!)
        weights.set(name, tensor(shape, Float64Array.from(floats)))
      }
      const names = [...graph.outputs, ...graph.stages].map(({ name }) => name)
      for (const { id: request, image_files: files } of requests) {
        const [input] = graph.inputs
        const data = feed === 'pixels' ? await pixelsOf(files) : recorded.get(`${request}.${feed}`)!
        const tile = input!.value.shape.slice(1) as number[]
        const dims = [data.length / tile.reduce((a, b) => a * b), ...tile]
        const onnx = await session.run({ [input!.name]: { data, dims } }, names)
        const exact = interpret(graph, {
          feeds: new Map([[input!.name, tensor(dims, Float64Array.from(data))]]),
          weights,
        })
        for (const name of names) {
          const expected = recorded.get(`${request}.${name}`)!
          assertClose(onnx[name]!, expected, TOLERANCE, `${request}.${name} on onnx`)
          assertClose(exact.get(name)!.data, expected, TOLERANCE, `${request}.${name} on reference`)
        }
      }
      await session.dispose()
    })
  }
})
