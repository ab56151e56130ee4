/** What a model will take, told from its files and the configuration before it is loaded. */
import { stat } from 'node:fs/promises'
import { adapterSources, checkAdapters } from '../adapters/open-adapters.ts'
import type { Config } from '../config.ts'
import { chooseBackend } from '../engine/backends/choose.ts'
import type { FoundModel } from '../model-facts.ts'
import type { Footprint, ModelKind } from './contract.ts'

/** A thread with its heap, its modules and its runtime. */
const THREAD_BYTES = 40 * 2 ** 20

/**
 * Weights count as the backend holds them: the native runtime in the form that they are stored in, or mapped from the packed
 * file; every other one as 32-bit floats, but for quantised ones. Caches count as what they may grow to.
 * Throws `invalid_package`, also for an adapter that does not fit, and `invalid_config` for a backend that cannot run it.
 */
export async function footprintOf(
  found: FoundModel,
  kind: ModelKind,
  config: Config,
): Promise<Footprint> {
  const { graphs, embeddingTower: tower } = found.model
  const seen = tower ? { encoder: tower.graph(tower.preferred, tower.outputs[0]!) } : graphs
  const isNative = chooseBackend(config.backend, seen).name === 'native'
  const packed = found.packedWeights
  const mapped = isNative && packed !== undefined ? (await stat(packed)).size : 0
  const { heldBytes, widenedBytes } = await found.survey()
  const bytes = isNative ? heldBytes : widenedBytes
  const encodes = tower !== undefined || graphs.encoder !== undefined
  const reads = tower === undefined || tower.text !== undefined
  const threads = 1 + (kind === 'chat' && encodes ? 1 : 0) + (reads ? 1 : 0)
  return {
    mapped,
    held: Math.max(0, bytes - mapped) + threads * THREAD_BYTES,
    reserved:
      (kind === 'chat' ? config.kvCacheBytes : 0) +
      (await adapterBytes(found, config)) +
      (encodes && kind !== 'speech' ? config.encoderCacheBytes : 0) +
      // One session comes with the model.
      (tower ? (config.encoderSessions - 1) * bytes : 0),
  }
}

/** Of the largest that may be loaded at one time. */
async function adapterBytes({ model }: FoundModel, config: Config): Promise<number> {
  const sizes = await checkAdapters(adapterSources(config.adapters), model, config)
  const largest = sizes.toSorted((a, b) => b - a).slice(0, config.maxAdapters)
  const bytes = largest.reduce((sum, size) => sum + size, 0)
  return Math.min(bytes, config.adapterMemoryBytes)
}
