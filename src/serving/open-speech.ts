/** Opens a speech model: the parts that hear and write, put together. */
import type { Config } from '../config.ts'
import { type FoundModel, factsOf } from '../model-facts.ts'
import { limitsInForce } from '../part-options.ts'
import { startRecogniser } from '../speech/recogniser.ts'
import { createSpeechService } from '../speech/service.ts'
import { startAll } from '../start-all.ts'
import type { Logger } from '../telemetry/logger.ts'
import { EncoderThread } from '../tokenizer/encoder-thread.ts'
import type { LoadedModel } from './contract.ts'
import type { Rooms } from './rooms.ts'
import { runtimeFor } from './runtime.ts'

/** Rejects with `invalid_package`, `invalid_config` or `backend_failure`; then nothing of it runs. */
export async function openSpeech(
  found: FoundModel,
  config: Config,
  { media }: Rooms,
  logger: Logger,
): Promise<LoadedModel> {
  const { directory: modelDir, name, model } = found
  const { threads, deadlineMs } = config
  const backend = runtimeFor(model.graphs, config, logger)
  const [facts, encoder, recogniser] = await startAll([
    factsOf(found, backend),
    EncoderThread.load(modelDir),
    startRecogniser({
      ...{ modelDir, backend, threads, logger },
      maxRows: config.speechBatch,
      maxWaiting: config.maxWaiting,
    }),
  ])
  const { tokenizer } = encoder
  const served = { id: name, speech: model.speech!, tokenizer, encoder, recogniser }
  const { decoder: sounds } = media.sounds
  return {
    document: {
      ...facts,
      inputModalities: ['audio'],
      outputModalities: ['text'],
      chat: undefined,
      embeddings: undefined,
      imageTokens: undefined,
      limits: limitsInForce(config, 0),
    },
    adapters: [],
    chat: undefined,
    embeddings: undefined,
    speech: createSpeechService({ models: [served], others: [], sounds, deadlineMs }),
    stats: () => ({ engine: undefined, encoder: undefined, speech: recogniser.stats() }),
    problems: () => (recogniser.healthy ? [] : ['speech worker is down']),
    drain: async () => undefined,
    dispose: async () => void (await Promise.all([recogniser.dispose(), encoder.dispose()])),
  }
}
