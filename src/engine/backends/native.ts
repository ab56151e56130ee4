/**
 * The native backend: our own C++ runtime, inside worker threads. Towers that it has no instructions for, or that are
 * faster there, run on ONNX Runtime.
 */
import {
  type Graph,
  kvGeometry,
  type NamedValue,
  recurrenceSizes,
} from '../../../models/graph/graph.ts'
import { type Backend, type BackendOptions, type DecoderSession, mostRunning } from '../backend.ts'
import { divideCache } from './cache-division.ts'
import { CachedDecoder } from './cached-decoder.ts'
import { EmbeddingTable } from './embedding-table.ts'
import { fileBackend } from './file-backend.ts'
import { decoderGraph, type ModelFiles } from './model-files.ts'
import { NativeAdapters, prepareNativeAdapter } from './native-adapters.ts'
import { FASTER_ON_ONNX } from './native-addon.ts'
import { NativeDecoderRunner } from './native-decoder.ts'
import { kvPositionBytes, NativeKvTable } from './native-kv.ts'
import { NativeSampler } from './native-sampler.ts'
import { NativeSession, programFor, requireNativeAddon } from './native-session.ts'
import { NativeStateTable } from './native-states.ts'
import { PackedWeights } from './packed-weights.ts'
import { BLOCKS_BETWEEN_STATES } from './state-table.ts'
import type { EncoderRunner } from './tile-encoder.ts'

export const nativeBackend: Backend = fileBackend('native', {
  decoder: nativeDecoder,
  prepareAdapter: prepareNativeAdapter,
  async runners(options) {
    const packed = await openPacked(options)
    return {
      load: (graph, output, files) => loadRunner(graph, output, files, { ...options, packed }),
      close: () => packed?.[Symbol.dispose](),
    }
  },
})

interface NativeRunnerOptions extends BackendOptions {
  readonly packed: PackedWeights | undefined
}

/** What sequences of a decoder have read: keys and values, and states where it has recurrences. */
export interface NativeCaches {
  readonly cache: NativeKvTable
  readonly states: NativeStateTable | undefined
}

/** As {@link nativeDecoder} has them unless told otherwise. Throws `invalid_config`. */
export function nativeCaches(files: ModelFiles, options: BackendOptions): NativeCaches {
  const addon = requireNativeAddon()
  const graph = decoderGraph(files)
  const geometry = kvGeometry(graph)
  const sizes = recurrenceSizes(graph)
  const { kvCacheBytes, kvBlockSize: blockSize, kvCacheType: type = 'f32' } = options
  const { maxRunning = 1, remark } = options
  const stateBytes = sizes.reduce((sum, size) => sum + size, 0) * Float32Array.BYTES_PER_ELEMENT
  const { kvBytes, slots } = divideCache({
    ...{ bytes: kvCacheBytes, stateBytes, maxRunning },
    blockBytes: kvPositionBytes(geometry, type) * blockSize,
  })
  using unfinished = new DisposableStack()
  const cache = new NativeKvTable(addon, { geometry, blockSize, type, bytes: kvBytes })
  unfinished.defer(() => cache.store.close())
  const keptEvery = BLOCKS_BETWEEN_STATES * blockSize
  const states =
    sizes.length > 0 ? new NativeStateTable(addon, { sizes, slots, keptEvery }) : undefined
  unfinished.move()
  if (!states) return { cache, states }
  const running = Math.min(maxRunning, mostRunning(slots))
  remark?.(
    `${slots} recurrent states of ${stateBytes} bytes, two for each of ${running} sequences at once; ${kvBytes} of ${kvCacheBytes} bytes are for keys and values`,
  )
  return { cache, states }
}

/** The decoder of an opened model, which may be closed afterwards. The caches are its own, also when it rejects. */
export async function nativeDecoder(
  files: ModelFiles,
  options: BackendOptions,
  { cache, states } = nativeCaches(files, options),
): Promise<DecoderSession> {
  await using unfinished = new AsyncDisposableStack()
  unfinished.defer(() => cache.store.close())
  if (states) unfinished.defer(() => states.store.close())
  const graph = decoderGraph(files)
  const { vocabSize, hiddenSize, maxContext } = files.limits
  // What has packed weights is a package, and nobody changes its files.
  const staysInFile = options.packedWeights !== undefined
  const embeddings = await EmbeddingTable.load(files, { staysInFile })
  unfinished.defer(() => embeddings.close())
  using packed = await openPacked(options)
  const session = await load(graph, files, { ...options, packed })
  unfinished.defer(() => session.dispose())
  const adapters = options.adapters ? new NativeAdapters(requireNativeAddon()) : undefined
  const runner = new NativeDecoderRunner({
    ...{ session, cache, hiddenSize, vocabSize, adapters },
    ...(states && { states }),
  })
  const sampler = new NativeSampler(requireNativeAddon(), vocabSize)
  const decoder = new CachedDecoder({
    ...{ embeddings, cache, states, adapters, runner, maxContext, sampler },
  })
  unfinished.move()
  return decoder
}

/** Undefined where there are none that can be used. Rejects with `invalid_package`. */
async function openPacked(options: BackendOptions): Promise<PackedWeights | undefined> {
  return await PackedWeights.open(options, requireNativeAddon())
}

async function load(
  graph: Graph,
  files: ModelFiles,
  { threads, packed, remark, adapters: adapted = false }: NativeRunnerOptions,
  outputs?: readonly string[],
): Promise<NativeSession> {
  const session = await NativeSession.load(graph, files, {
    ...{ threads, packed, adapted },
    ...(outputs && { outputs }),
  })
  const text = packed?.describe(graph.name)
  if (text !== undefined) remark?.(text)
  return session
}

/** A session for an output of a graph of an opened model, which may be closed afterwards. */
async function loadRunner(
  graph: Graph,
  output: string,
  files: ModelFiles,
  options: NativeRunnerOptions,
): Promise<EncoderRunner> {
  const [isa] = requireNativeAddon().isas()
  if (FASTER_ON_ONNX.has(isa!) || 'refusal' in programFor(graph, files, { outputs: [output] })) {
    const { loadOnnxRunner } = await import('./onnx.ts')
    return await loadOnnxRunner(graph, output, files, options)
  }
  const session = await load(graph, files, options, [output])
  const [input] = graph.inputs as [NamedValue]
  const [dim] = input.value.shape as [string]
  return {
    async run(data, [count]) {
      const dims = { [dim]: count! }
      const values = new Float32Array(session.sizeOf(output, dims))
      session.run({ dims, inputs: { [input.name]: data }, outputs: { [output]: values } })
      return values
    },
    async dispose() {
      session.dispose()
    },
  }
}
