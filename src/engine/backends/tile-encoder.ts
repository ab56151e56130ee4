/** What every encoder session has in common: the shapes of its inputs, checked. */
import type { Graph } from '../../../models/graph/graph.ts'
import { AerieError } from '../../errors.ts'
import type { EncoderSession } from '../backend.ts'
import type { ModelFiles } from './model-files.ts'
import type { Feed } from './onnx-session.ts'

/** Computes one output of a graph from its inputs, in their order. */
export interface EncoderRunner {
  run(...inputs: readonly Feed[]): Promise<Float32Array>
  dispose(): Promise<void>
}

/** Makes the runners of one loaded model. */
export interface RunnerMaker {
  /** For one output of a graph of towers. */
  load(graph: Graph, output: string, files: ModelFiles): Promise<EncoderRunner>
  /** No session is made afterwards; those that were go on. */
  close(): void
}

/** The encoder's graph of an opened model. Throws `invalid_package` for a text model. */
export function encoderGraph({ graphs }: Pick<ModelFiles, 'graphs'>): Graph {
  if (!graphs.encoder) throw new AerieError('invalid_package', 'a text model has no encoder')
  return graphs.encoder
}

/** A session over the runners that `load` makes of the encoder's graphs. Throws `invalid_package` for a text model. */
export async function tileEncoder(
  files: ModelFiles,
  load: (graph: Graph, output: 'features') => Promise<EncoderRunner>,
): Promise<EncoderSession> {
  const { limits } = files
  const { merging, soundEncoder } = files.graphs
  const encoder = encoderGraph(files)
  const towers = await load(encoder, 'features')
  const projector = merging && (await load(merging.projector, 'features'))
  const ears = soundEncoder && (await load(soundEncoder, 'features'))
  return {
    hiddenSize: limits.hiddenSize,
    tokensPerTile: limits.tokensPerTile,
    encode: checked(towers, encoder, 'tiles'),
    ...(merging && projector
      ? {
          merging: {
            merge: merging.merge,
            project: checked(projector, merging.projector, 'blocks'),
          },
        }
      : {}),
    ...(soundEncoder && ears
      ? {
          sounds: {
            tokensPerWindow: tokensPerWindow(soundEncoder),
            encode: checked(ears, soundEncoder, 'windows'),
          },
        }
      : {}),
    async dispose() {
      await Promise.all([towers.dispose(), projector?.dispose(), ears?.dispose()])
    },
  }
}

function tokensPerWindow({ outputs }: Graph): number {
  const [, tokens] = outputs[0]!.value.shape as [string, number, number]
  return tokens
}

/** Values that are not `count` items of the graph's input fail with `backend_failure`. */
function checked(runner: EncoderRunner, graph: Graph, what: string) {
  const [, ...item] = graph.inputs[0]!.value.shape as [string, ...number[]]
  const size = item.reduce((product, side) => product * side, 1)
  return async (values: Float32Array, count: number): Promise<Float32Array> => {
    if (count < 1 || values.length !== count * size) {
      throw new AerieError(
        'backend_failure',
        `${values.length} values are not ${count} ${what} of [${item.join(', ')}]`,
      )
    }
    return await runner.run({ data: values, dims: [count, ...item] })
  }
}
