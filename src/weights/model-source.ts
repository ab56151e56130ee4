/** Where a model comes from: a folder as the hub has it, or GGUF. */
import { loadModelConfig, type ModelConfig, modelConfig } from '../../models/load-config.ts'
import { AerieError } from '../errors.ts'
import { isModelFile } from '../model-file.ts'
import { runTask } from '../task-thread.ts'
import { Checkpoint } from './checkpoint.ts'
import { readGguf } from './gguf.ts'
import { type HubConfig, hubConfig } from './gguf-config.ts'
import type { GgufFile } from './gguf-split.ts'
import { publishedTensors, ROPE_FACTORS } from './gguf-tensors.ts'
import { GgufWeights } from './gguf-weights.ts'
import type { SurveyTask } from './survey-worker.ts'
import { surveyWeights, type WeightSurvey } from './weight-survey.ts'
import type { Weights, WeightTensor } from './weights.ts'

export interface ModelSource {
  readonly model: ModelConfig
  /** How a GGUF file stores its weights; undefined for a folder. */
  readonly storage?: WeightStorage
  /** The caller closes it. Throws `invalid_package`. Not on the main thread of a server: headers are read where it is called. */
  openWeights(): Promise<Weights>
  /** What the weights are as a whole, by a thread of its own that ends with it; later calls have the same answer. Rejects as `openWeights`. */
  survey(): Promise<WeightSurvey>
}

export interface WeightStorage {
  /** Number of tensors by element type. */
  readonly types: Readonly<Record<string, number>>
  readonly bytes: number
  /** The same as 32-bit floats, which every runtime but the native one computes with. */
  readonly floatBytes: number
}

/** Throws `invalid_package` as `loadModelConfig` does. */
export async function openModelSource(path: string): Promise<ModelSource> {
  if (await isModelFile(path)) return await ggufSource(await readGguf(path))
  const model = await loadModelConfig(path)
  const { weightFolders } = model.family
  const task: SurveyTask = { path, weightFolders }
  return {
    model,
    survey: once(() => runTask<WeightSurvey>(SURVEY_WORKER, task)),
    openWeights: () =>
      weightFolders ? Checkpoint.openParts(path, weightFolders) : Checkpoint.open(path),
  }
}

const SURVEY_WORKER = new URL('./survey-worker.ts', import.meta.url)

/** What comes of `make`, made when it is first asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

async function ggufSource(file: GgufFile): Promise<ModelSource> {
  const { model, tensors } = await ggufModel(file, await ropeFactors(file))
  // Its header has been read already.
  const survey = once(async () => surveyWeights(tensors))
  return {
    model,
    storage: storageOf(tensors),
    survey,
    openWeights: () => GgufWeights.open(tensors),
  }
}

/**
 * A GGUF model as its family sees it, told from its header alone. `factors` are the values of {@link ROPE_FACTORS}, where it
 * has them. Throws `invalid_package`.
 */
export async function ggufModel(
  file: GgufFile,
  factors: readonly number[] | undefined,
): Promise<{ readonly model: ModelConfig; readonly tensors: readonly WeightTensor[] }> {
  let config: HubConfig
  let tensors: readonly WeightTensor[]
  try {
    config = hubConfig(file, factors)
    tensors = publishedTensors(file, config)
  } catch (error) {
    if (!(error instanceof AerieError)) throw error
    throw new AerieError('invalid_package', `${file.path}: ${error.message}`, { cause: error })
  }
  return { model: await modelConfig(config, file.path), tensors }
}

function storageOf(tensors: readonly WeightTensor[]): WeightStorage {
  const types: Record<string, number> = {}
  let [bytes, floatBytes] = [0, 0]
  for (const { dtype, shape, byteLength } of tensors) {
    types[dtype] = (types[dtype] ?? 0) + 1
    bytes += byteLength
    floatBytes += shape.reduce((product, size) => product * size, 4)
  }
  return { types, bytes, floatBytes }
}

async function ropeFactors(file: GgufFile): Promise<number[] | undefined> {
  const tensor = file.tensors.find(({ name }) => name === ROPE_FACTORS)
  if (!tensor) return undefined
  await using weights = await GgufWeights.open([tensor])
  return Array.from(await weights.readFloats(tensor))
}
