/** The ONNX Runtime backend: towers and decoders on a CPU, inside worker threads. */
import { type Graph, kvGeometry } from '../../../models/graph/graph.ts'
import type { Backend, BackendOptions, DecoderSession } from '../backend.ts'
import { CachedDecoder } from './cached-decoder.ts'
import { EmbeddingTable } from './embedding-table.ts'
import { fileBackend } from './file-backend.ts'
import { floatCache } from './kv-cache.ts'
import { decoderGraph, type ModelFiles } from './model-files.ts'
import { OnnxDecoderRunner } from './onnx-decoder.ts'
import { OnnxSession } from './onnx-session.ts'
import { withPlainWeights } from './plain-weights.ts'
import type { EncoderRunner } from './tile-encoder.ts'

export const onnxBackend: Backend = fileBackend('onnx', {
  decoder: onnxDecoder,
  runners: async (options) => ({
    load: (graph, output, files) => loadOnnxRunner(graph, output, files, options),
    close() {},
  }),
})

/** The decoder of an opened model, which may be closed afterwards. */
export async function onnxDecoder(
  files: ModelFiles,
  options: BackendOptions,
): Promise<DecoderSession> {
  const decoder = decoderGraph(files)
  const { vocabSize, hiddenSize, maxContext } = files.limits
  const geometry = kvGeometry(decoder)
  const cache = floatCache('onnx', geometry, options)
  const embeddings = await EmbeddingTable.load(files)
  const session = await withPlainWeights(decoder, files, (tensors) =>
    OnnxSession.load(decoder, tensors, options),
  )
  const runner = new OnnxDecoderRunner({ session, cache, geometry, hiddenSize, vocabSize })
  return new CachedDecoder({ embeddings, cache, runner, maxContext })
}

/** A session for an output of a graph of an opened model, which may be closed afterwards. */
export async function loadOnnxRunner(
  graph: Graph,
  output: string,
  files: ModelFiles,
  options: BackendOptions,
): Promise<EncoderRunner> {
  const session = await withPlainWeights(graph, files, (tensors) =>
    OnnxSession.load(graph, tensors, options),
  )
  return {
    async run(...inputs) {
      const feeds = Object.fromEntries(graph.inputs.map(({ name }, i) => [name, inputs[i]!]))
      const results = await session.run(feeds, [output])
      return results[output]!
    },
    dispose: () => session.dispose(),
  }
}
