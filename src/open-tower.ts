/** Opens a tower that is published alone: the parts that see and embed, put together. */
import type { EmbeddingTower } from '../models/family.ts'
import type { CapabilityDocument } from './capabilities/document.ts'
import { patchTokens } from './capabilities/image-tokens.ts'
import type { Config } from './config.ts'
import type { EmbeddingService } from './embeddings/contract.ts'
import { createEmbeddingService, type ServedTower } from './embeddings/service.ts'
import { textSide } from './embeddings/texts.ts'
import { chooseBackend } from './engine/backends/choose.ts'
import { startEncoder } from './engine/encoder.ts'
import type { Encoder } from './engine/types.ts'
import { startMedia } from './media/media.ts'
import type { Media } from './media/types.ts'
import { type FoundModel, factsOf } from './model-facts.ts'
import { encoderBounds, limitsInForce, mediaOptions } from './part-options.ts'
import { startAll } from './start-all.ts'
import type { Logger } from './telemetry/logger.ts'
import { Tokenizer } from './tokenizer/tokenizer.ts'

/** A tower that is published alone, without HTTP. */
export interface OpenTower {
  readonly document: CapabilityDocument
  readonly service: EmbeddingService
  readonly media: Media
  readonly encoder: Encoder
  close(): Promise<void>
}

/** Rejects with `invalid_package`, `invalid_config` or `backend_failure`. */
export async function openTower(
  found: FoundModel,
  tower: EmbeddingTower,
  config: Config,
  logger: Logger,
): Promise<OpenTower> {
  const { directory: modelDir, name, packedWeights } = found
  const { threads, maxImagesPerRequest: maxImages, maxPatches } = config
  const encoding = { encoder: tower.graph(tower.preferred, tower.outputs[0]!) }
  const { name: backend, text } = chooseBackend(config.backend, encoding)
  logger.info({ backend, threads }, `the model runs on ${text}`)
  const [facts, textModel, encoder, media] = await startAll([
    factsOf(found, backend),
    tower.text && Tokenizer.load(modelDir).then((tokenizer) => textSide(tower.text!, tokenizer)),
    startEncoder({
      ...{ modelDir, backend, threads, packedWeights, logger },
      ...encoderBounds(config),
      maxTowerSessions: config.encoderSessions,
    }),
    startMedia(mediaOptions(config, logger)),
  ])
  const maxValues = config.maxEmbeddingValues
  const bounds = { maxImages, maxPatches, maxValues }
  const { digest, systemFingerprint } = facts
  const model: ServedTower = {
    ...{ id: name, tower, text: textModel, digest, systemFingerprint, encoder },
    ...bounds,
  }
  const { outputs, patchSize, step, preferred, maxSide } = tower
  return {
    document: {
      ...facts,
      inputModalities: textModel ? ['text', 'image'] : ['image'],
      outputModalities: ['embedding'],
      chat: undefined,
      embeddings: {
        ...{ outputs, patchSize, step, preferred, maxSide, maxPatches, maxValues },
        text: tower.text && { output: tower.text.output, maxTokens: tower.text.maxTokens },
      },
      imageTokens: patchTokens(tower, maxPatches),
      limits: limitsInForce(config, maxImages),
    },
    service: createEmbeddingService({
      models: [model],
      others: [],
      media,
      deadlineMs: config.deadlineMs,
    }),
    media,
    encoder,
    close: async () => {
      await Promise.all([media.dispose(), encoder.dispose()])
    },
  }
}
