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
import type { Backend, BackendOptions, DecoderSession } from '../backend.ts'
import { CachedDecoder } from './cached-decoder.ts'
import { EmbeddingTable } from './embedding-table.ts'
import { fileBackend } from './file-backend.ts'
import { decoderGraph, type ModelFiles } from './model-files.ts'
import { FASTER_ON_ONNX } from './native-addon.ts'
import { NativeDecoderRunner } from './native-decoder.ts'
import { NativeKvTable } from './native-kv.ts'
import { NativeSampler } from './native-sampler.ts'
import { NativeSession, programFor, requireNativeAddon } from './native-session.ts'
import { NativeStateTable } from './native-states.ts'
import { PackedWeights } from './packed-weights.ts'
import { STATE_SNAPSHOT_BLOCKS } from './state-table.ts'
import type { EncoderRunner } from './tile-encoder.ts'

export const nativeBackend: Backend = fileBackend('native', {
  decoder: nativeDecoder,
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

/** The cache of {@link nativeDecoder}: all bytes of the options, or half of them where recurrent states take the other. */
export function nativeKvTable(files: ModelFiles, options: BackendOptions): NativeKvTable {
  const graph = decoderGraph(files)
  const { kvBlockSize: blockSize, kvCacheBytes, kvCacheType: type = 'f32' } = options
  const bytes = recurrenceSizes(graph).length > 0 ? kvCacheBytes / 2 : kvCacheBytes
  const geometry = kvGeometry(graph)
  return new NativeKvTable(requireNativeAddon(), { geometry, blockSize, type, bytes })
}

/** The decoder of an opened model, which may be closed afterwards. It closes its cache, also when this rejects. */
export async function nativeDecoder(
  files: ModelFiles,
  options: BackendOptions,
  cache = nativeKvTable(files, options),
): Promise<DecoderSession> {
  await using unfinished = new AsyncDisposableStack()
  unfinished.defer(() => cache.store.close())
  const graph = decoderGraph(files)
  const { vocabSize, hiddenSize, maxContext } = files.limits
  const sizes = recurrenceSizes(graph)
  const states =
    sizes.length > 0
      ? new NativeStateTable(requireNativeAddon(), {
          sizes,
          bytes: options.kvCacheBytes / 2,
          snapshotEvery: STATE_SNAPSHOT_BLOCKS * options.kvBlockSize,
        })
      : undefined
  if (states) unfinished.defer(() => states.store.close())
  // What has packed weights is a package, and nobody changes its files.
  const staysInFile = options.packedWeights !== undefined
  const embeddings = await EmbeddingTable.load(files, { staysInFile })
  unfinished.defer(() => embeddings.close())
  using packed = await openPacked(options)
  const session = await load(graph, files, { ...options, packed })
  unfinished.defer(() => session.dispose())
  const runner = new NativeDecoderRunner({
    ...{ session, cache, hiddenSize, vocabSize },
    ...(states && { states }),
  })
  const sampler = new NativeSampler(requireNativeAddon(), vocabSize)
  const decoder = new CachedDecoder({ embeddings, cache, states, runner, maxContext, sampler })
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
  { threads, packed, remark }: NativeRunnerOptions,
  outputs?: readonly string[],
): Promise<NativeSession> {
  const session = await NativeSession.load(graph, files, {
    ...{ threads, packed },
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
