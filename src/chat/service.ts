/** The chat room's front desk: a checked request in, events out, station by station. */
import { randomUUID } from 'node:crypto'
import { findModel } from '../capabilities/find-model.ts'
import { withDeadline } from '../deadline.ts'
import type { Media } from '../media/types.ts'
import { answer } from './answer.ts'
import { answerRoom } from './answer-room.ts'
import type { ChatService } from './contract.ts'
import { documentsSeen } from './documents.ts'
import { openFiles, type ReadableFiles } from './file-parts.ts'
import { formatConstraint } from './format-constraint.ts'
import { encodeMedia, interleave, loadMedia, NO_MEDIA, releaseMedia } from './media-parts.ts'
import type { ServedModel } from './model.ts'
import { buildPrompt } from './prompt.ts'
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
      let loaded = NO_MEDIA
      try {
        const { tenant } = request
        const constraint = formatConstraint(request.responseFormat)
        // What cannot be kept to is refused before anything is loaded for it.
        if (constraint) await model.engine.prepare(constraint, signal)
        const context = { files, tenant, maxTextBytes, media, model, signal }
        const messages = await openFiles(request.messages, context)
        loaded = await loadMedia(model, media, messages, signal)
        const { imageTokens, videoTokens, soundTokens } = loaded
        const prompt = await buildPrompt(model, messages, loaded.inOrder)
        const maxTokens = answerRoom(model, prompt, loaded, request.maxTokens)
        const encoded = await encodeMedia(model, media, messages, loaded, { tenant, signal })
        releaseMedia(media, loaded)
        signal.throwIfAborted()
        const generation = model.engine.generate(
          {
            prompt: interleave(prompt, encoded.features),
            sampling: resolveSampling(request.sampling, model.samplingDefaults),
            n: request.n,
            maxTokens,
            minTokens: request.minTokens,
            stopTokenIds: model.stopTokenIds,
            deadlineMs: deadline.remainingMs(),
            priority: request.priority,
            cacheSalt: `${request.tenant}\n${request.cacheKey ?? ''}`,
            ...(constraint ? { constraint } : {}),
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
        const { images, videos, sounds } = encoded
        if (videos.length > 0) yield { type: 'videos', videos }
        if (sounds.length > 0) yield { type: 'sounds', sounds }
        if (request.explain) {
          yield {
            type: 'explain',
            promptText: prompt.text,
            promptTokens: prompt.textTokens + imageTokens + videoTokens + soundTokens,
            images,
            documents: documentsSeen(messages),
            videos,
            sounds,
            kvCacheType: model.decoding.kvCacheType,
          }
        }
        yield* answer(model, request, generation, loaded, [...images, ...videos, ...sounds])
      } catch (error) {
        throw deadline.explain(error)
      } finally {
        releaseMedia(media, loaded)
      }
    },

    async tokenize(request, signal) {
      const { input, tenant } = request
      const model = find(request.model)
      if (input.type === 'text') return tokenize(model, media, { ...request, input }, signal)
      const context = { files, tenant, maxTextBytes, media, model, signal }
      const messages = await openFiles(input.messages, context)
      return tokenize(model, media, { ...request, input: { ...input, messages } }, signal)
    },
  }
}
