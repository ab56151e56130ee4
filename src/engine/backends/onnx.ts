/** The ONNX Runtime backend: towers and decoders on a CPU. Loaded and run inside worker threads only. */
import { kvGeometry } from '../../../models/graph/graph.ts'
import { AerieError } from '../../errors.ts'
import type { Backend, BackendOptions, DecoderSession, EncoderSession } from '../backend.ts'
import { CachedDecoder } from './cached-decoder.ts'
import { EmbeddingTable } from './embedding-table.ts'
import { KvCache } from './kv-cache.ts'
import { openModelFiles } from './model-files.ts'
import { OnnxDecoderRunner } from './onnx-decoder.ts'
import { OnnxSession } from './onnx-session.ts'

export const onnxBackend: Backend = { name: 'onnx', loadDecoder, loadEncoder }

async function loadDecoder(directory: string, options: BackendOptions): Promise<DecoderSession> {
  const files = await openModelFiles(directory)
  await using _checkpoint = files.checkpoint
  const { decoder } = files.graphs
  const { vocabSize, hiddenSize, maxContext } = files.limits
  const geometry = kvGeometry(decoder)
  const cache = new KvCache({
    geometry,
    blockSize: options.kvBlockSize,
    bytes: options.kvCacheBytes,
  })
  const embeddings = await EmbeddingTable.load(files.checkpoint, files.embeddingName)
  const session = await OnnxSession.load(decoder, files.tensors, options)
  const runner = new OnnxDecoderRunner({ session, cache, geometry, hiddenSize, vocabSize })
  return new CachedDecoder({ embeddings, cache, runner, maxContext })
}

async function loadEncoder(directory: string, options: BackendOptions): Promise<EncoderSession> {
  const files = await openModelFiles(directory)
  await using _checkpoint = files.checkpoint
  const { encoder } = files.graphs
  if (!encoder)
    throw new AerieError('invalid_package', `${directory} is a text model: it has no encoder`)
  const [, channels, height, width] = encoder.inputs[0]!.value.shape as [
    string,
    number,
    number,
    number,
  ]
  const session = await OnnxSession.load(encoder, files.tensors, options)
  return {
    hiddenSize: files.limits.hiddenSize,
    tokensPerTile: files.limits.tokensPerTile,
    async encode(pixels, tiles) {
      const dims = [tiles, channels, height, width]
      const { features } = await session.run({ pixels: { data: pixels, dims } }, ['features'])
      return features!
    },
    dispose: () => session.dispose(),
  }
}
