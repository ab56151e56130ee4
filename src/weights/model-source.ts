/** Where a model comes from: a folder as the hub has it, or one GGUF file. */
import { loadModelConfig, type ModelConfig, modelConfig } from '../../models/load-config.ts'
import { AerieError } from '../errors.ts'
import { isModelFile } from '../model-file.ts'
import { Checkpoint } from './checkpoint.ts'
import { type GgufFile, readGguf } from './gguf.ts'
import { type HubConfig, hubConfig } from './gguf-config.ts'
import { publishedTensors, ROPE_FACTORS } from './gguf-tensors.ts'
import { GgufWeights } from './gguf-weights.ts'
import type { Weights, WeightTensor } from './weights.ts'

export interface ModelSource {
  readonly model: ModelConfig
  /** The caller closes it. Throws `invalid_package`. */
  openWeights(): Promise<Weights>
}

/** Throws `invalid_package` as `loadModelConfig` does. */
export async function openModelSource(path: string): Promise<ModelSource> {
  if (await isModelFile(path)) return await ggufSource(await readGguf(path))
  const model = await loadModelConfig(path)
  const { weightFolders } = model.family
  return {
    model,
    openWeights: () =>
      weightFolders ? Checkpoint.openParts(path, weightFolders) : Checkpoint.open(path),
  }
}

async function ggufSource(file: GgufFile): Promise<ModelSource> {
  let config: HubConfig
  let tensors: readonly WeightTensor[]
  try {
    config = hubConfig(file, await ropeFactors(file))
    tensors = publishedTensors(file, config)
  } catch (error) {
    if (!(error instanceof AerieError)) throw error
    throw new AerieError('invalid_package', `${file.path}: ${error.message}`, { cause: error })
  }
  return {
    model: await modelConfig(config, file.path),
    openWeights: () => GgufWeights.open(file.path, tensors),
  }
}

async function ropeFactors(file: GgufFile): Promise<number[] | undefined> {
  const tensor = file.tensors.find(({ name }) => name === ROPE_FACTORS)
  if (!tensor) return undefined
  const stored = { ...tensor, path: file.path }
  await using weights = await GgufWeights.open(file.path, [stored])
  return Array.from(await weights.readFloats(stored))
}
