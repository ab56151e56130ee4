/** What a server may keep resident: what it was given to keep, and a fixed sum for everything else. */
import { stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Config } from '../../config.ts'
import { locateModel } from '../../import/locate-model.ts'
import { openModelSource } from '../../weights/model-source.ts'

/** Bytes. */
export interface MemoryLimit {
  /** Of the files of the model's weights. */
  readonly weights: number
  /** `kvCacheBytes`. */
  readonly kv: number
  /** `encoderCacheBytes`. */
  readonly features: number
  /** Everything else: runtime, code, buffers, what is under way. */
  readonly rest: number
  readonly total: number
}

const REST_BYTES = 200e6
const STARTER = fileURLToPath(new URL('../../../models/starter/', import.meta.url))

/** Of a server with this configuration. Rejects as the server does when there is no such model here. */
export async function memoryLimit(config: Config): Promise<MemoryLimit> {
  const weights = await weightFileBytes(await modelFolder(config))
  const { kvCacheBytes: kv, encoderCacheBytes: features } = config
  return { weights, kv, features, rest: REST_BYTES, total: weights + kv + features + REST_BYTES }
}

async function modelFolder({ model, revision, modelsDir }: Config): Promise<string> {
  if (model === 'starter') return STARTER
  const options = { modelsDir, verify: false, hub: {}, offline: true, onProgress: undefined }
  return (await locateModel({ model, revision }, options)).directory
}

async function weightFileBytes(model: string): Promise<number> {
  await using weights = await (await openModelSource(model)).openWeights()
  const files = new Set([...weights.tensors.values()].map(({ path }) => path))
  const sizes = await Promise.all([...files].map(async (file) => (await stat(file)).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
