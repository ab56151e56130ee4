/** A speech model on ONNX Runtime. */
import { PRESENT } from '../../../models/graph/onnx/kv-attention.ts'
import { crossQuery } from '../../../models/whisper.ts'
import type { BackendOptions } from '../backend.ts'
import { decoderGraph, type ModelFiles } from './model-files.ts'
import { OnnxSession } from './onnx-session.ts'
import { withPlainWeights } from './plain-weights.ts'
import type { SpeechRunner } from './speech-session.ts'
import { encoderGraph } from './tile-encoder.ts'

/** Sessions for the graphs of an opened model, which may be closed afterwards. */
export async function onnxSpeech(
  files: ModelFiles,
  options: BackendOptions,
): Promise<SpeechRunner> {
  const { alignment } = files.graphs
  const graphs = [encoderGraph(files), decoderGraph(files), ...(alignment ? [alignment] : [])]
  await using unfinished = new AsyncDisposableStack()
  const sessions: OnnxSession[] = []
  for (const graph of graphs) {
    const session = await withPlainWeights(graph, files, (tensors) =>
      OnnxSession.load(graph, tensors, options),
    )
    unfinished.defer(() => session.dispose())
    sessions.push(session)
  }
  unfinished.move()
  const [encoder, decoder, aligner] = sessions as [OnnxSession, OnnxSession, OnnxSession?]
  const outputs = graphs[0]!.outputs.map(({ name }) => name)
  return {
    encode: (feeds) => encoder.run(feeds, outputs),
    async decode(feeds, layers) {
      const asked = layers.map(crossQuery)
      const fetched = await decoder.run(feeds, ['logits', PRESENT, ...asked])
      const queries = asked.map((name) => fetched[name]!)
      return { logits: fetched['logits']!, present: fetched[PRESENT]!, queries }
    },
    align: async (feeds) => (await aligner!.run(feeds, ['weights']))['weights']!,
    async dispose() {
      await Promise.all(sessions.map((session) => session.dispose()))
    },
  }
}
