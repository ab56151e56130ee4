/** The ONNX Runtime backend: towers and decoders on a CPU, inside worker threads. */
import { kvGeometry } from '../../../models/graph/graph.ts'
import type { Backend, BackendOptions, DecoderSession, EncoderSession } from '../backend.ts'
import { CachedDecoder } from './cached-decoder.ts'
import { EmbeddingTable } from './embedding-table.ts'
import { KvCache } from './kv-cache.ts'
import { decoderGraph, type ModelFiles, openModelFiles } from './model-files.ts'
import { OnnxDecoderRunner } from './onnx-decoder.ts'
import { OnnxSession } from './onnx-session.ts'
import { encoderGraph, tileEncoder } from './tile-encoder.ts'

export const onnxBackend: Backend = { name: 'onnx', loadDecoder, loadEncoder }

async function loadDecoder(directory: string, options: BackendOptions): Promise<DecoderSession> {
  const files = await openModelFiles(directory)
  await using _checkpoint = files.checkpoint
  return await onnxDecoder(files, options)
}

/** A decoder session over an opened model, which may be closed afterwards. */
export async function onnxDecoder(
  files: ModelFiles,
  options: BackendOptions,
): Promise<DecoderSession> {
  const decoder = decoderGraph(files)
  const { vocabSize, hiddenSize, maxContext } = files.limits
  const geometry = kvGeometry(decoder)
  const cache = new KvCache({
    geometry,
    blockSize: options.kvBlockSize,
    bytes: options.kvCacheBytes,
  })
  const embeddings = await EmbeddingTable.load(files)
  const session = await OnnxSession.load(decoder, files.tensors, options)
  const runner = new OnnxDecoderRunner({ session, cache, geometry, hiddenSize, vocabSize })
  return new CachedDecoder({ embeddings, cache, runner, maxContext })
}

async function loadEncoder(directory: string, options: BackendOptions): Promise<EncoderSession> {
  const files = await openModelFiles(directory)
  await using _checkpoint = files.checkpoint
  const session = await OnnxSession.load(encoderGraph(files), files.tensors, options)
  return tileEncoder(files, {
    async run(pixels, dims) {
      const { features } = await session.run({ pixels: { data: pixels, dims } }, ['features'])
      return features!
    },
    dispose: () => session.dispose(),
  })
}
