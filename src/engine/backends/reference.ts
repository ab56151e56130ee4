/** The reference backend: the same graphs in plain TypeScript, the truth for all others. */
import { adaptableLinears } from '../../../models/graph/adaptable.ts'
import {
  type Graph,
  kvGeometry,
  type NamedValue,
  recurrenceSizes,
} from '../../../models/graph/graph.ts'
import type { Backend, BackendOptions, DecoderSession } from '../backend.ts'
import { divideCache } from './cache-division.ts'
import { CachedDecoder } from './cached-decoder.ts'
import { EmbeddingTable } from './embedding-table.ts'
import { fileBackend } from './file-backend.ts'
import { floatCache } from './kv-cache.ts'
import { decoderGraph, type ModelFiles } from './model-files.ts'
import { kvPositionBytes } from './native-kv.ts'
import { interpret } from './reference/interpreter.ts'
import { type Tensor, tensor } from './reference/tensor.ts'
import { prepareReferenceAdapter, ReferenceAdapters } from './reference-adapters.ts'
import { ReferenceDecoderRunner } from './reference-decoder.ts'
import { ReferenceStateTable } from './reference-states.ts'
import { BLOCKS_BETWEEN_STATES } from './state-table.ts'
import type { EncoderRunner } from './tile-encoder.ts'

export const referenceBackend: Backend = fileBackend('reference', {
  decoder: referenceDecoder,
  prepareAdapter: prepareReferenceAdapter,
  runners: async () => ({
    load: (graph, output, files) => loadRunner(graph, output, files),
    close() {},
  }),
})

/** The decoder of an opened model, which may be closed afterwards. */
export async function referenceDecoder(
  files: ModelFiles,
  options: BackendOptions,
): Promise<DecoderSession> {
  const graph = decoderGraph(files)
  const { hiddenSize, maxContext } = files.limits
  const geometry = kvGeometry(graph)
  const sizes = recurrenceSizes(graph)
  const { kvBytes, slots } = divideCache({
    bytes: options.kvCacheBytes,
    blockBytes: kvPositionBytes(geometry, 'f32') * options.kvBlockSize,
    stateBytes: sizes.reduce((sum, size) => sum + size, 0) * Float64Array.BYTES_PER_ELEMENT,
    maxRunning: options.maxRunning ?? 1,
  })
  const cache = floatCache('reference', geometry, { ...options, kvCacheBytes: kvBytes })
  const embeddings = await EmbeddingTable.load(files)
  const weights = await loadWeights(graph, files)
  const states =
    sizes.length > 0
      ? new ReferenceStateTable({ slots, keptEvery: BLOCKS_BETWEEN_STATES * options.kvBlockSize })
      : undefined
  const adapters = options.adapters ? new ReferenceAdapters(adaptableLinears(graph)) : undefined
  const runner = new ReferenceDecoderRunner({
    ...{ graph, geometry, weights, cache, adapters, hiddenSize },
    ...(states && { states }),
  })
  return new CachedDecoder({ embeddings, cache, states, adapters, runner, maxContext })
}

/** The interpreter for an output of a graph of an opened model, which may be closed afterwards. */
async function loadRunner(graph: Graph, output: string, files: ModelFiles): Promise<EncoderRunner> {
  const weights = await loadWeights(graph, files)
  const [input] = graph.inputs as [NamedValue]
  return {
    async run(data, dims) {
      const feeds = new Map([[input.name, tensor(dims, Float64Array.from(data))]])
      return new Float32Array(interpret(graph, { feeds, weights }).get(output)!.data)
    },
    async dispose() {},
  }
}

/** Every weight of a graph, widened. */
export async function loadWeights(
  graph: Graph,
  { checkpoint, tensors }: ModelFiles,
): Promise<Map<string, Tensor>> {
  const weights = new Map<string, Tensor>()
  for (const { name, shape, derived } of graph.weights) {
    const stored = tensors.get(name)
    // Binding saw to it that only a derived weight may have no tensor.
    const values = stored ? await checkpoint.readFloats(stored) : derived!.values()
    weights.set(name, tensor(shape, Float64Array.from(values)))
  }
  return weights
}
