/** Opens a tower that is published alone: the parts that see and embed, put together. */
import type { EmbeddingTower, TextTower } from '../../models/family.ts'
import { patchTokens } from '../capabilities/image-tokens.ts'
import type { Config } from '../config.ts'
import { createEmbeddingService, type ServedTower } from '../embeddings/service.ts'
import { textSide } from '../embeddings/texts.ts'
import { startEncoder } from '../engine/encoder.ts'
import { type FoundModel, factsOf } from '../model-facts.ts'
import { encoderBounds, limitsInForce } from '../part-options.ts'
import { startAll } from '../start-all.ts'
import type { Logger } from '../telemetry/logger.ts'
import { EncoderThread } from '../tokenizer/encoder-thread.ts'
import type { LoadedModel } from './contract.ts'
import type { Rooms } from './rooms.ts'
import { runtimeFor } from './runtime.ts'

/** Rejects with `invalid_package`, `invalid_config` or `backend_failure`; then nothing of it runs. */
export async function openTower(
  found: FoundModel,
  tower: EmbeddingTower,
  config: Config,
  { media }: Rooms,
  logger: Logger,
): Promise<LoadedModel> {
  const { directory: modelDir, name, packedWeights } = found
  const { threads, maxImagesPerRequest: maxImages, maxPatches, deadlineMs } = config
  const encoding = { encoder: tower.graph(tower.preferred, tower.outputs[0]!) }
  const backend = runtimeFor(encoding, config, logger)
  const [facts, text, encoder] = await startAll([
    factsOf(found, backend),
    tower.text && openTextSide(tower.text, modelDir),
    startEncoder({
      ...{ modelDir, backend, threads, packedWeights, logger },
      ...encoderBounds(config),
      maxTowerSessions: config.encoderSessions,
    }),
  ])
  const maxValues = config.maxEmbeddingValues
  const bounds = { maxImages, maxPatches, maxValues }
  const { digest, systemFingerprint } = facts
  const model: ServedTower = {
    ...{ id: name, tower, text, digest, systemFingerprint, encoder },
    ...bounds,
  }
  const { outputs, patchSize, step, preferred, maxSide } = tower
  return {
    document: {
      ...facts,
      inputModalities: text ? ['text', 'image'] : ['image'],
      outputModalities: ['embedding'],
      chat: undefined,
      embeddings: {
        ...{ outputs, patchSize, step, preferred, maxSide, maxPatches, maxValues },
        text: tower.text && { output: tower.text.output, maxTokens: tower.text.maxTokens },
      },
      imageTokens: patchTokens(tower, maxPatches),
      limits: limitsInForce(config, maxImages),
    },
    adapters: [],
    chat: undefined,
    embeddings: createEmbeddingService({ models: [model], others: [], media, deadlineMs }),
    speech: undefined,
    stats: () => ({ engine: undefined, encoder: encoder.stats(), speech: undefined }),
    problems: () => (encoder.healthy ? [] : ['encoder worker is down']),
    drain: async () => undefined,
    dispose: async () => void (await Promise.all([encoder.dispose(), text?.dispose()])),
  }
}

async function openTextSide(tower: TextTower, modelDir: string) {
  const thread = await EncoderThread.load(modelDir)
  try {
    return { ...(await textSide(tower, thread)), dispose: () => thread.dispose() }
  } catch (error) {
    await thread.dispose()
    throw error
  }
}
