/** The conversation: what was asked and answered, and the requests that are under way. */
import { ask } from '../api/chat.js'
import { failureOf } from '../api/client.js'
import { compare } from '../api/embeddings.js'
import { models, purposeOf } from '../api/models.js'
import { transcribe } from '../api/speech.js'
import { settings } from '../settings.js'
import { Store } from '../store.js'
import { dataUri } from './attachments.js'
import { buildRequest, sendable } from './request.js'
import { forgetUploads } from './uploads.js'

/** @typedef {import('../types.d.ts').Answer} Answer */
/** @typedef {import('../types.d.ts').Attachment} Attachment */
/** @typedef {import('../types.d.ts').Exchange} Exchange */

/** Bounds what is kept, drawn and sent; the oldest are dropped. */
const MOST_EXCHANGES = 100

/** @type {Store<readonly Exchange[]>} */
export const conversation = new Store(/** @type {readonly Exchange[]} */ ([]))

/** Requests under way, by exchange. @type {Map<string, AbortController>} */
const running = new Map()

/**
 * Asks the chosen model.
 * @param {string} text
 * @param {readonly Attachment[]} media
 */
export function send(text, media) {
  const { clip } = settings.get()
  const withSampling = media.map((attachment) =>
    attachment.kind === 'video' ? { ...attachment, sampling: clip } : attachment,
  )
  /** @type {Exchange} */
  const exchange = { id: crypto.randomUUID(), text, media: withSampling, answer: undefined }
  conversation.set([...conversation.get(), exchange].slice(-MOST_EXCHANGES))
  void answer(exchange.id)
}

/**
 * Asks again: what comes after it answered to something that is no longer said.
 * @param {string} id
 * @param {string} [text] another question in its place
 */
export function retry(id, text) {
  stop(id)
  const all = conversation.get()
  const at = all.findIndex((exchange) => exchange.id === id)
  for (const later of all.slice(at + 1)) stop(later.id)
  conversation.set(
    all
      .slice(0, at + 1)
      .map((exchange) =>
        exchange.id === id && text !== undefined ? { ...exchange, text } : exchange,
      ),
  )
  void answer(id)
}

/** @param {string} id */
export function remove(id) {
  stop(id)
  conversation.set(conversation.get().filter((exchange) => exchange.id !== id))
}

/** Ends the request; what was said until then stays. @param {string} id */
export function stop(id) {
  running.get(id)?.abort()
}

export function clear() {
  for (const id of running.keys()) stop(id)
  conversation.set([])
}

/** The exchange that is being answered, if there is one. */
export function unfinished() {
  return conversation.get().findLast(({ id }) => running.has(id))
}

/** @param {string} id */
async function answer(id) {
  const abort = new AbortController()
  running.set(id, abort)
  const chosen = settings.get()
  const started = performance.now()
  /** @type {Answer} */
  let current = { state: 'waiting', model: chosen.model, text: '', places: {} }
  /** @param {Partial<Answer>} change */
  const show = (change) => {
    // Another request for the same question has taken over.
    if (running.get(id) !== abort) return
    current = { ...current, ...change }
    update(id, current)
  }
  show({})
  try {
    const model = models.get().find((candidate) => candidate.id === chosen.model)
    const all = conversation.get()
    const exchanges = all.slice(0, all.findIndex((exchange) => exchange.id === id) + 1)
    const asked = /** @type {Exchange} */ (exchanges.at(-1))
    const purpose = model ? purposeOf(model) : 'chat'
    if (purpose === 'speech') await transcript(asked, chosen.model, abort.signal, show)
    else if (purpose === 'embedding') await likeness(asked, chosen.model, abort.signal, show)
    else {
      const { body, places } = await buildRequest(exchanges, chosen, sendable(abort.signal))
      show({ places })
      await stream(body, abort.signal, show, () => performance.now() - started)
    }
    show({ state: 'done', totalMs: performance.now() - started })
  } catch (error) {
    if (abort.signal.aborted) show({ state: 'stopped' })
    else {
      const failure = failureOf(error)
      if (failure.code === 'not_found') forgetUploads()
      show({ state: 'failed', failure })
    }
  } finally {
    if (running.get(id) === abort) {
      running.delete(id)
      conversation.set([...conversation.get()])
    }
  }
}

/**
 * @param {import('../types.d.ts').ChatRequest} body
 * @param {AbortSignal} signal
 * @param {(change: Partial<Answer>) => void} show
 * @param {() => number} elapsed
 */
async function stream(body, signal, show, elapsed) {
  let text = ''
  for await (const event of ask(body, signal)) {
    if (event.type === 'accepted') show({ state: 'reading', requestId: event.requestId })
    else if (event.type === 'text') {
      show({ state: 'writing', ...(text === '' && { firstTextMs: elapsed() }) })
      text += event.text
      show({ text })
    } else if (event.type === 'finish') show({ finish: event.reason })
    else
      show({ ...(event.usage && { usage: event.usage }), ...(event.seen && { seen: event.seen }) })
  }
}

/**
 * @param {Exchange} asked
 * @param {string} model
 * @param {AbortSignal} signal
 * @param {(change: Partial<Answer>) => void} show
 */
async function transcript({ media }, model, signal, show) {
  const sound = media.find(({ kind }) => kind === 'audio' || kind === 'video')
  if (!sound) throw new Error('A speech model needs a sound or a clip.')
  const answered = await transcribe(model, sound.blob, sound.name, signal)
  show({ ...answered, text: answered.transcript.text.trim() })
}

/**
 * @param {Exchange} asked
 * @param {string} model
 * @param {AbortSignal} signal
 * @param {(change: Partial<Answer>) => void} show
 */
async function likeness({ text, media }, model, signal, show) {
  const pictures = await Promise.all(
    media
      .filter(({ kind }) => kind === 'image')
      .map(async ({ name, blob }) => ({ name, input: await dataUri(blob) })),
  )
  const texts = linesOf(text).map((line) => ({
    name: line,
    input: { type: /** @type {const} */ ('text'), text: line },
  }))
  show({ likeness: await compare(model, [...pictures, ...texts], signal) })
}

/** What is to be compared, one a line. @param {string} text */
export function linesOf(text) {
  return text.split('\n').flatMap((line) => line.trim() || [])
}

/**
 * @param {string} id
 * @param {Answer} answer
 */
function update(id, answer) {
  conversation.set(
    conversation.get().map((exchange) => (exchange.id === id ? { ...exchange, answer } : exchange)),
  )
}
