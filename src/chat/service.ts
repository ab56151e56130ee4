/** The chat room's front desk: a checked request in, events out, station by station. */
import { randomUUID } from 'node:crypto'
import type { ServedAdapter } from '../adapters/contract.ts'
import { adapterFingerprint } from '../capabilities/adapter-document.ts'
import { findModel } from '../capabilities/find-model.ts'
import { withDeadline } from '../deadline.ts'
import { watchedGeneration } from '../engine/watched-generation.ts'
import { AerieError } from '../errors.ts'
import { AnswerAccount } from '../limits/answer-account.ts'
import { meteredMedia } from '../limits/metered-media.ts'
import type { Media } from '../media/types.ts'
import { GenerationTrace } from '../tracing/generation-trace.ts'
import { answer } from './answer.ts'
import { answerConstraint } from './answer-constraint.ts'
import { answerRoom } from './answer-room.ts'
import { completeText, detokenize, NO_TOKENS } from './complete-text.ts'
import type { CompletionEvent } from './completion-contract.ts'
import type { ChatEvent, ChatService } from './contract.ts'
import { pixelsDecoded, pixelsOf } from './decoded-pixels.ts'
import { documentsSeen } from './documents.ts'
import { openFiles, type ReadableFiles } from './file-parts.ts'
import { formatConstraint } from './format-constraint.ts'
import { encodeMedia, interleave, loadMedia, NO_MEDIA, releaseMedia } from './media-parts.ts'
import type { ServedModel } from './model.ts'
import { buildPrompt } from './prompt.ts'
import { resolveSampling } from './sampling.ts'
import { tokenize } from './tokenize.ts'
import { checkTools, inCallOrder, toldTools } from './tool-request.ts'
import { traceAnswer } from './trace-answer.ts'

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
  'embeds pictures and has no decoder; ask /v1/embeddings, and /v1/models/{model} for what a picture costs'

export function createChatService(options: ChatServiceOptions): ChatService {
  const { models, others, othersDo = OTHERS_DO, files, maxTextBytes } = options
  const media = meteredMedia(options.media)

  const find = (id: string) => findModel({ models, others, othersDo }, id)

  const service: ChatService = {
    async *complete(request, clientSignal) {
      const model = find(request.model)
      const adapter = adapterOf(model, request.adapter)
      checkTools(request)
      const deadlineMs = Math.min(request.deadlineMs ?? options.deadlineMs, options.deadlineMs)
      using deadline = withDeadline(clientSignal, deadlineMs)
      const { signal } = deadline
      let loaded = NO_MEDIA
      try {
        const { tenant, messagesParam } = request
        const format = formatConstraint(request.responseFormat)
        const constraint = answerConstraint(request, model.tools.calls, format)
        // What cannot be kept to is refused before anything is loaded for it.
        if (constraint) await model.engine.prepare(constraint, signal)
        const context = { files, tenant, maxTextBytes, media, model, signal }
        const messages = await openFiles(inCallOrder(request.messages), context)
        loaded = await loadMedia(model, media, messages, signal)
        const { imageTokens, videoTokens, soundTokens } = loaded
        const prompt = await buildPrompt(
          model,
          messages,
          loaded.inOrder,
          toldTools(request),
          messagesParam,
        )
        const maxTokens = answerRoom(model, prompt, loaded, request)
        using account = await AnswerAccount.take({
          promptTokens: prompt.textTokens + imageTokens + videoTokens + soundTokens,
          maxTokens: request.n * maxTokens,
          isBounded: request.maxTokens !== undefined,
          mediaPixels: pixelsOf(loaded),
          param: messagesParam,
        })
        const encoding = encodeMedia(model, media, messages, loaded, { tenant, signal })
        const encoded = await encoding.catch((error) => {
          account.refused(error)
          throw error
        })
        account.decoded(pixelsDecoded(loaded, encoded))
        releaseMedia(media, loaded)
        signal.throwIfAborted()
        const sampling = resolveSampling(request.sampling, model.samplingDefaults)
        using stations = new GenerationTrace()
        const running = model.engine.generate(
          {
            prompt: interleave(prompt, encoded.features),
            sampling,
            n: request.n,
            maxTokens,
            minTokens: request.minTokens,
            stopTokenIds: request.ignoresEnd ? NO_TOKENS : model.stopTokenIds,
            // A clock that is over and has not struck yet, on a busy thread, is the engine's to tell.
            deadlineMs: Math.max(1, deadline.remainingMs()),
            priority: request.priority,
            cacheSalt: `${request.tenant}\n${request.cacheKey ?? ''}`,
            ...(adapter && { adapter: adapter.name }),
            ...(constraint ? { constraint } : {}),
          },
          signal,
        )
        const generation = watchedGeneration(running, (event) => {
          account.see(event)
          stations.see(event)
        })
        const promptTokens = prompt.textTokens + imageTokens + videoTokens + soundTokens
        if (request.tellsProgress) {
          const counted = { promptTokens, cachedTokens: 0, imageTokens, videoTokens, soundTokens }
          for (let choice = 0; choice < request.n; choice++)
            yield { type: 'progress', choice, ...counted, completionTokens: 0 }
        }
        yield {
          type: 'start',
          id: `chatcmpl-${randomUUID()}`,
          created: Math.floor(Date.now() / 1000),
          model: adapter?.name ?? model.id,
          systemFingerprint: adapter
            ? adapterFingerprint(model.systemFingerprint, adapter.facts)
            : model.systemFingerprint,
          sampling,
        }
        const { images, videos, sounds } = encoded
        if (videos.length > 0) yield { type: 'videos', videos }
        if (sounds.length > 0) yield { type: 'sounds', sounds }
        if (request.explain) {
          yield {
            type: 'explain',
            promptText: prompt.text,
            promptTokens,
            images,
            documents: documentsSeen(messages),
            videos,
            sounds,
            kvCacheType: model.decoding.kvCacheType,
            adapter: adapter?.facts,
          }
        }
        const seen = [...images, ...videos, ...sounds]
        for await (const event of answer(model, request, generation, loaded, seen)) {
          if (event.type === 'usage') account.billed(event)
          yield event
        }
      } catch (error) {
        throw deadline.explain(error)
      } finally {
        releaseMedia(media, loaded)
      }
    },

    async *completeText(request, clientSignal) {
      const model = find(request.model)
      const deadlineMs = Math.min(request.deadlineMs ?? options.deadlineMs, options.deadlineMs)
      using deadline = withDeadline(clientSignal, deadlineMs)
      try {
        yield* completeText(model, request, adapterOf(model, request.adapter), deadline)
      } catch (error) {
        throw deadline.explain(error)
      }
    },

    async detokenize({ model: id, ids }) {
      const model = find(id)
      return { model: model.id, text: await detokenize(model, ids) }
    },

    async tokenize(request, signal) {
      const { input, tenant } = request
      const model = find(request.model)
      adapterOf(model, request.adapter)
      if (input.type === 'text') return tokenize(model, media, { ...request, input }, signal)
      const context = { files, tenant, maxTextBytes, media, model, signal }
      const { tools = [], toolChoice = { mode: 'auto' }, messagesParam } = input
      const asked = { messages: input.messages, tools, toolChoice }
      checkTools(asked)
      const messages = await openFiles(inCallOrder(input.messages), context)
      const opened = { type: input.type, messages, tools: toldTools(asked), messagesParam }
      return tokenize(model, media, { ...request, input: opened }, signal)
    },
  }
  return {
    ...service,
    complete: (request, signal) => {
      const model = models.find(({ id }) => id === request.model)
      return traceAnswer<ChatEvent>('chat', request, model?.id, () =>
        service.complete(request, signal),
      )
    },
    completeText: (request, signal) => {
      const model = models.find(({ id }) => id === request.model)
      return traceAnswer<CompletionEvent>('text_completion', request, model?.id, () =>
        service.completeText(request, signal),
      )
    },
  }
}

/** Throws `model_not_found`. */
function adapterOf(
  { id, adapters }: ServedModel,
  name: string | undefined,
): ServedAdapter | undefined {
  if (name === undefined) return undefined
  const adapter = adapters.get(name)
  if (adapter) return adapter
  const what = `model ${id} has no adapter '${name.slice(0, 80)}'`
  throw new AerieError('model_not_found', what, { param: 'model' })
}
