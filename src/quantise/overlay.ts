/** A model with some of its tensors replaced by those of another file, which stand for the same weights. */
import type { ModelConfig } from '../../models/load-config.ts'
import { type ModelFiles, openModelFiles } from '../engine/backends/model-files.ts'
import { graphName } from '../weights/bind-weights.ts'
import { Checkpoint } from '../weights/checkpoint.ts'
import type { Weights, WeightTensor } from '../weights/weights.ts'

/** Opens the model in `modelDir` with the tensors of `folder/file` in place of its own. The caller closes the checkpoint. */
export async function openOverlaid(
  modelDir: string,
  { family }: ModelConfig,
  folder: string,
  file: string,
): Promise<ModelFiles> {
  const base = await openModelFiles(modelDir)
  try {
    const over = await Checkpoint.openFile(folder, file)
    const replaced = [...over.tensors.values()]
    const { weightNames } = family
    return {
      ...base,
      checkpoint: overlaid(base.checkpoint, over),
      tensors: new Map<string, WeightTensor>([
        ...base.tensors,
        ...replaced.map((tensor) => [graphName(tensor.name, weightNames), tensor] as const),
      ]),
    }
  } catch (error) {
    await base.checkpoint.close()
    throw error
  }
}

function overlaid(base: Weights, over: Checkpoint): Weights {
  const own = new Set([...over.tensors.values()].map(({ path }) => path))
  const of = ({ path }: WeightTensor): Weights => (own.has(path) ? (over as Weights) : base)
  const close = async () => {
    await Promise.all([base.close(), over.close()])
  }
  return {
    tensors: new Map<string, WeightTensor>([...base.tensors, ...over.tensors]),
    readBytes: (tensor) => of(tensor).readBytes(tensor),
    readFloats: (tensor) => of(tensor).readFloats(tensor),
    close,
    [Symbol.asyncDispose]: close,
  }
}
