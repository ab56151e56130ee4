/** The encoder of a model as serving runs it, with every stage kept. */
import type { Graph, NamedValue } from '../../models/graph/graph.ts'
import { resolveShape } from '../../models/graph/shape.ts'
import type { EncoderSession } from '../engine/backend.ts'
import { runItemStages } from '../engine/backends/graph-stages.ts'
import type { ModelFiles } from '../engine/backends/model-files.ts'
import { encodePictures } from '../engine/encode-pictures.ts'
import type { CasePicture } from './case-pictures.ts'
import type { ComputedTensor } from './compare.ts'

export interface RecordedEncoding {
  /** `[rows, hidden]` of each picture. */
  readonly features: readonly Float32Array[]
  /** Stages of the graphs, all pictures together, by the graphs' names; `features` is that of the last graph. */
  readonly stages: ReadonlyMap<string, ComputedTensor>
}

/** Runs all pictures in one batch. `projector_input` is what was merged, where the family merges. */
export async function encodeRecorded(
  files: ModelFiles,
  backend: string,
  pictures: readonly CasePicture[],
): Promise<RecordedEncoding> {
  const stages = new Map<string, ComputedTensor>()
  const { encoder, merging } = files.graphs
  const { hiddenSize, tokensPerTile } = files.limits
  const run = async (graph: Graph, items: Float32Array): Promise<Float32Array> => {
    const values = await runItemStages(files, backend, graph, items)
    const [{ value: input }] = graph.inputs as readonly [NamedValue]
    const [dimension, ...item] = input.shape as [string, ...number[]]
    const count = items.length / item.reduce((size, side) => size * side, 1)
    const sizes = new Map([[dimension, count]])
    for (const { name, value } of [...graph.stages, ...graph.outputs]) {
      // What is returned is the caller's, who may free it.
      const own = Float32Array.from(values.get(name)!)
      stages.set(name, { shape: resolveShape(value.shape, sizes), values: own })
    }
    return values.get('features')!
  }
  const session: EncoderSession = {
    hiddenSize,
    tokensPerTile,
    encode: (pixels) => run(encoder!, pixels),
    ...(merging
      ? {
          merging: {
            merge: merging.merge,
            project: (blocks: Float32Array) => {
              const { grid, scales, channels } = merging.merge
              const width = scales * channels
              const shape = [blocks.length / (grid * grid * width), grid * grid, width]
              stages.set('projector_input', { shape, values: Float32Array.from(blocks) })
              return run(merging.projector, blocks)
            },
          },
        }
      : {}),
    async dispose() {},
  }
  const { features } = await encodePictures(session, pictures, Number.MAX_SAFE_INTEGER)
  return { features, stages }
}
