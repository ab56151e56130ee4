/** What every encoder session has in common: the shape of its input, checked. */
import type { Graph } from '../../../models/graph/graph.ts'
import { AerieError } from '../../errors.ts'
import type { EncoderSession } from '../backend.ts'
import type { ModelFiles } from './model-files.ts'

/** Computes the graph's `features` from `pixels` of the shape `dims`. */
export interface EncoderRunner {
  run(pixels: Float32Array, dims: readonly number[]): Promise<Float32Array>
  dispose(): Promise<void>
}

/** The encoder's graph of an opened model. Throws `invalid_package` for a text model. */
export function encoderGraph({ graphs }: ModelFiles): Graph {
  if (!graphs.encoder) throw new AerieError('invalid_package', 'a text model has no encoder')
  return graphs.encoder
}

/** A session over `runner`; pixels that are not `tiles` tiles fail with `backend_failure`. */
export function tileEncoder(files: ModelFiles, runner: EncoderRunner): EncoderSession {
  const [, ...tile] = encoderGraph(files).inputs[0]!.value.shape as [string, number, number, number]
  const { limits } = files
  const tileSize = tile.reduce((product, size) => product * size, 1)
  return {
    hiddenSize: limits.hiddenSize,
    tokensPerTile: limits.tokensPerTile,
    async encode(pixels, tiles) {
      if (tiles < 1 || pixels.length !== tiles * tileSize) {
        throw new AerieError(
          'backend_failure',
          `${pixels.length} values are not ${tiles} tiles of [${tile.join(', ')}]`,
        )
      }
      return runner.run(pixels, [tiles, ...tile])
    },
    dispose: () => runner.dispose(),
  }
}
