/** The chat room's front desk: a checked request in, events out, station by station. */
import { randomUUID } from 'node:crypto'
import { findModel } from '../capabilities/find-model.ts'
import { withDeadline } from '../deadline.ts'
import type { Features, PromptPart } from '../engine/types.ts'
import { AerieError } from '../errors.ts'
import type { Media } from '../media/types.ts'
import { answer } from './answer.ts'
import type { ChatRequest, ChatService } from './contract.ts'
import { openFiles, type ReadableFiles } from './file-parts.ts'
import type { ServedModel } from './model.ts'
import {
  encodePictures,
  imageTokens,
  type LoadedPicture,
  loadPictures,
  releasePictures,
} from './pictures.ts'
import { buildPrompt, type Prompt } from './prompt.ts'
import { resolveSampling } from './sampling.ts'
import { tokenize } from './tokenize.ts'

export interface ChatServiceOptions {
  readonly models: readonly ServedModel[]
  /** Names of served models that do not answer. */
  readonly others: readonly string[]
  /** What these do instead, for messages; absent: what most do. */
  readonly othersDo?: string
  readonly media: Media
  /** Files that requests may name; undefined: there are none. */
  readonly files: ReadableFiles | undefined
  /** Bytes of text that the files of one request may have together. */
  readonly maxTextBytes: number
  /** The longest deadline, and the one of requests that name none. */
  readonly deadlineMs: number
}

const OTHERS_DO =
  'embeds pictures and has neither tokenizer nor decoder; ask /v1/embeddings, and /v1/models/{model} for what a picture costs'

export function createChatService(options: ChatServiceOptions): ChatService {
  const { models, others, othersDo = OTHERS_DO, media, files, maxTextBytes } = options

  const find = (id: string) => findModel({ models, others, othersDo }, id)

  return {
    models: () => models,

    async *complete(request, clientSignal) {
      const model = find(request.model)
      const deadlineMs = Math.min(request.deadlineMs ?? options.deadlineMs, options.deadlineMs)
      using deadline = withDeadline(clientSignal, deadlineMs)
      const { signal } = deadline
      let pictures: LoadedPicture[] = []
      try {
        const { tenant } = request
        const messages = await openFiles(request.messages, { files, tenant, maxTextBytes, signal })
        pictures = await loadPictures(model, media, messages, signal)
        const layouts = pictures.map((picture) => picture.layout)
        const prompt = await buildPrompt(model, messages, layouts)
        const maxTokens = answerRoom(model, prompt, pictures, request)
        const encoded = await encodePictures(model, media, pictures, tenant, signal)
        releasePictures(media, pictures)
        signal.throwIfAborted()
        const generation = model.engine.generate(
          {
            prompt: interleave(
              prompt,
              encoded.map((picture) => picture.features),
            ),
            sampling: resolveSampling(request.sampling, model.samplingDefaults),
            n: request.n,
            maxTokens,
            minTokens: request.minTokens,
            stopTokenIds: model.stopTokenIds,
            deadlineMs: deadline.remainingMs(),
            priority: request.priority,
            cacheSalt: `${request.tenant}\n${request.cacheKey ?? ''}`,
          },
          signal,
        )
        yield {
          type: 'start',
          id: `chatcmpl-${randomUUID()}`,
          created: Math.floor(Date.now() / 1000),
          model: model.id,
          systemFingerprint: model.systemFingerprint,
        }
        const seen = encoded.map((picture) => picture.seen)
        if (request.explain) {
          yield {
            type: 'explain',
            promptText: prompt.text,
            promptTokens: prompt.textTokens + imageTokens(pictures),
            images: seen,
            kvCacheType: model.decoding.kvCacheType,
          }
        }
        yield* answer(model, request, generation, imageTokens(pictures), seen)
      } catch (error) {
        throw deadline.explain(error)
      } finally {
        releasePictures(media, pictures)
      }
    },

    async tokenize(request, signal) {
      const { input, tenant } = request
      const model = find(request.model)
      if (input.type === 'text') return tokenize(model, media, { ...request, input }, signal)
      const messages = await openFiles(input.messages, { files, tenant, maxTextBytes, signal })
      return tokenize(model, media, { ...request, input: { ...input, messages } }, signal)
    },
  }
}

/** Tokens the answer may have. Throws `context_length_exceeded` before anything is decoded. */
function answerRoom(
  model: ServedModel,
  prompt: Prompt,
  pictures: readonly LoadedPicture[],
  request: ChatRequest,
): number {
  const { maxContext, maxPrompt = maxContext } = model.limits
  const images = imageTokens(pictures)
  const used = prompt.textTokens + images
  const wanted = request.maxTokens ?? 1
  if (used > maxPrompt) {
    throw new AerieError(
      'context_length_exceeded',
      `the prompt takes ${used} positions (${prompt.textTokens} text, ${images} pictures); the model reads ${maxPrompt} of its ${maxContext}`,
      { param: 'messages' },
    )
  }
  if (used + wanted > maxContext) {
    throw new AerieError(
      'context_length_exceeded',
      `the prompt takes ${used} positions (${prompt.textTokens} text, ${images} pictures) and the answer ${
        request.maxTokens === undefined ? 'at least one' : `up to ${wanted}`
      }; the model has ${maxContext}`,
      { param: 'messages' },
    )
  }
  return request.maxTokens ?? Math.min(model.defaultMaxTokens, maxContext - used)
}

/** Puts the features where the prompt wants them. */
function interleave({ pieces }: Prompt, features: readonly Features[]): PromptPart[] {
  return pieces
    .filter((piece) => piece.kind === 'picture' || piece.ids.length > 0)
    .map((piece): PromptPart => {
      if (piece.kind === 'tokens') return piece
      const whole = features[piece.picture]!
      return { kind: 'features', features: stretchOf(whole, piece.stretch, piece.stretches) }
    })
}

/** One of several equal parts of a picture's features. */
function stretchOf(features: Features, stretch: number, stretches: number): Features {
  if (stretches === 1) return features
  const rows = features.rows / stretches
  const size = features.data.length / stretches
  return {
    key: `${features.key}/${stretches}/${stretch}`,
    rows,
    data: features.data.subarray(stretch * size, (stretch + 1) * size),
  }
}
