/** `/v1/chat/completions`, as it streams, and `/v1/tokenize`. */
import { ApiError, envelope, failureOf, post } from './client.js'
import { eventData } from './event-stream.js'

/** @typedef {import('../types.d.ts').Chunk} Chunk */
/** @typedef {import('../types.d.ts').ChatRequest} ChatRequest */
/** @typedef {import('../types.d.ts').Cost} Cost */
/** @typedef {import('../types.d.ts').Seen} Seen */

/**
 * The first of a call has its id and name; the arguments of all, one after the other, are a JSON text.
 * @typedef {NonNullable<Chunk['choices'][number]['delta']['tool_calls']>[number]} CallPart
 */

/**
 * @typedef {{ readonly type: 'accepted', readonly requestId: string | undefined }
 *   | { readonly type: 'text', readonly text: string }
 *   | { readonly type: 'call', readonly index: number, readonly part: CallPart }
 *   | { readonly type: 'finish', readonly reason: string }
 *   | { readonly type: 'figures', readonly usage: Chunk['usage'], readonly seen: Seen | undefined }} AnswerEvent
 */

/**
 * @param {ChatRequest} body
 * @param {AbortSignal} signal ends the request at the server too
 * @returns {AsyncGenerator<AnswerEvent, void>} throws {@link ApiError}, also in the middle
 */
export async function* ask(body, signal) {
  const response = await post('/v1/chat/completions', body, signal)
  const requestId = response.headers.get('x-request-id') ?? undefined
  yield { type: 'accepted', requestId }
  try {
    for await (const data of eventData(
      /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body),
    )) {
      if (data === '[DONE]') return
      /** @type {Chunk & { readonly error?: unknown }} */
      const chunk = JSON.parse(data)
      if (chunk.error) throw new ApiError({ ...envelope(chunk), requestId, status: undefined })
      yield* eventsOf(chunk)
    }
  } catch (error) {
    if (signal.aborted || error instanceof ApiError) throw error
    throw new ApiError({ ...failureOf(error), code: 'cut_off', requestId })
  }
  const message = 'The connection ended before the answer did.'
  throw new ApiError({ code: 'cut_off', message, param: undefined, requestId, status: undefined })
}

/**
 * @param {Chunk} chunk
 * @returns {Generator<AnswerEvent, void>}
 */
function* eventsOf({ choices, usage, aerie }) {
  for (const { delta, finish_reason } of choices) {
    if (delta.content) yield { type: 'text', text: delta.content }
    for (const part of delta.tool_calls ?? []) yield { type: 'call', index: part.index, part }
    if (finish_reason) yield { type: 'finish', reason: finish_reason }
  }
  if (usage || aerie) yield { type: 'figures', usage, seen: aerie }
}

/**
 * What a conversation costs, without asking it.
 * @param {Pick<ChatRequest, 'model' | 'messages' | 'tools' | 'tool_choice'>} request
 * @param {AbortSignal} signal
 * @returns {Promise<Cost>}
 */
export async function tokenize({ model, messages, tools, tool_choice }, signal) {
  const body = { model, messages, ...(tools && { tools, tool_choice }) }
  const response = await post('/v1/tokenize', body, signal)
  return response.json()
}
