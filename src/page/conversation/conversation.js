/** The conversation that is shown: what was asked and answered, and the requests that are under way. */
import { ask } from '../api/chat.js'
import { failureOf } from '../api/client.js'
import { compare } from '../api/embeddings.js'
import { models, purposeOf } from '../api/models.js'
import { transcribe } from '../api/speech.js'
import { tellTabs } from '../keep/tabs.js'
import { eachFrame } from '../parts/frames.js'
import { randomId } from '../parts/random-id.js'
import { settings } from '../settings.js'
import { Store } from '../store.js'
import { dataUri } from './attachments.js'
import { comparedOf, soundOf } from './other-questions.js'
import { buildRequest, sendable } from './request.js'
import { forgetUploads } from './uploads.js'

/** @typedef {import('../types.d.ts').Answer} Answer */
/** @typedef {import('../types.d.ts').Attachment} Attachment */
/** @typedef {import('../types.d.ts').Exchange} Exchange */

/** Bounds what is kept, drawn and sent; the oldest are dropped. */
const MOST_EXCHANGES = 100

/** @type {Store<readonly Exchange[]>} */
export const conversation = new Store(/** @type {readonly Exchange[]} */ ([]))

/** Id of the conversation that is shown; one that is empty is kept nowhere. */
export const current = new Store(randomId())

/** Requests of this tab that are under way, by exchange, with the turn as it stands. @type {Map<string, { readonly abort: AbortController, exchange: Exchange }>} */
const running = new Map()

/** A turn whose answer has ended while another conversation was shown. */
export const finishedAway = new Store(/** @type {Exchange | undefined} */ (undefined))

/** @param {Answer | undefined} answer */
export function isOpen(answer) {
  return answer !== undefined && ['waiting', 'reading', 'writing'].includes(answer.state)
}

/**
 * The turn, where this tab is waiting for its answer.
 * @param {string} id
 */
export function runningHere(id) {
  return running.get(id)?.exchange
}

/**
 * Asks the chosen model.
 * @param {string} text
 * @param {readonly Attachment[]} media
 */
export function send(text, media) {
  const exchange = nextExchange(text, media)
  conversation.set([...conversation.get(), exchange].slice(-MOST_EXCHANGES))
  void answer(exchange)
}

/**
 * The turn that would come next.
 * @param {string} text
 * @param {readonly Attachment[]} media
 * @returns {Exchange}
 */
export function nextExchange(text, media) {
  const { clip } = settings.get()
  return {
    id: randomId(),
    conversation: current.get(),
    // Later than the last one also where two are asked in one millisecond.
    at: Math.max(Date.now(), (conversation.get().at(-1)?.at ?? 0) + 1),
    text,
    media: media.map((attachment) =>
      attachment.kind === 'video' ? { ...attachment, sampling: clip } : attachment,
    ),
    answer: undefined,
  }
}

/**
 * Tells the model what its calls gave.
 * @param {readonly import('../types.d.ts').ToolResult[]} results
 */
export function sendResults(results) {
  const exchange = { ...nextExchange('', []), results }
  conversation.set([...conversation.get(), exchange].slice(-MOST_EXCHANGES))
  void answer(exchange)
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
  const before = all[at]
  if (!before) return
  const exchange = { ...before, ...(text !== undefined && { text }) }
  conversation.set([...all.slice(0, at), exchange])
  void answer(exchange)
}

/**
 * With what its calls gave: without them that answers nothing.
 * @param {string} id
 */
export function remove(id) {
  const all = conversation.get()
  const at = all.findIndex((exchange) => exchange.id === id)
  if (at < 0) return
  let end = at + 1
  while (all[end]?.results) end++
  const gone = all.slice(at, end)
  for (const exchange of gone) stop(exchange.id)
  conversation.set(
    conversation.get().filter(({ id: one }) => gone.every((each) => each.id !== one)),
  )
}

/** Ends the request, in whichever tab it is; what was said until then stays. @param {string} id */
export function stop(id) {
  const here = running.get(id)
  if (!here) {
    tellTabs({ type: 'stop', exchange: id })
    settleLost(id)
    return
  }
  here.abort.abort()
  running.delete(id)
  if (here.exchange.answer)
    update({ ...here.exchange, answer: { ...here.exchange.answer, state: 'stopped' } })
}

/** Ends all requests of this tab. */
export function stopAll() {
  for (const id of running.keys()) stop(id)
}

/** Nobody waits for this answer any more. @param {string} id */
export function settleLost(id) {
  const exchange = conversation.get().find((one) => one.id === id)
  if (exchange?.answer && isOpen(exchange.answer))
    update({ ...exchange, answer: { ...exchange.answer, state: 'stopped' } })
}

/** The exchange that is being answered, if there is one. */
export function unfinished() {
  return conversation.get().findLast(({ answer }) => isOpen(answer))
}

/** @param {Exchange} asked */
async function answer(asked) {
  const { id } = asked
  const abort = new AbortController()
  const chosen = settings.get()
  const started = performance.now()
  /** @type {Answer} */
  const first = { state: 'waiting', model: chosen.model, text: '', places: {} }
  const request = { abort, exchange: { ...asked, answer: first } }
  running.set(id, request)
  update(request.exchange)
  const draw = eachFrame(() => {
    if (running.get(id) === request) update(request.exchange)
  })
  /** @param {Partial<Answer>} change */
  const show = (change) => {
    // It was stopped, or another request for the same question has taken over.
    if (running.get(id) !== request) return
    const before = request.exchange.answer
    request.exchange = { ...request.exchange, answer: { ...before, ...change } }
    if (change.state === 'done' || change.state === 'failed') running.delete(id)
    // Words may come by the thousand a second.
    if (request.exchange.answer.state === before.state) draw()
    else update(request.exchange)
  }
  try {
    const model = models.get().find((candidate) => candidate.id === chosen.model)
    const all = conversation.get()
    const exchanges = all.slice(0, all.findIndex((exchange) => exchange.id === id) + 1)
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
    if (abort.signal.aborted) return
    const failure = failureOf(error)
    if (failure.code === 'not_found') forgetUploads()
    show({ state: 'failed', failure })
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
  /** @type {import('../types.d.ts').Call[]} */
  const calls = []
  if (body.response_format) show({ isJson: true })
  for await (const event of ask(body, signal)) {
    if (event.type === 'accepted') show({ state: 'reading', requestId: event.requestId })
    else if (event.type === 'text') {
      const first = text === '' && { firstTextMs: elapsed() }
      text += event.text
      show({ state: 'writing', text, ...first })
    } else if (event.type === 'call') {
      const {
        id,
        name,
        arguments: before,
      } = calls[event.index] ?? { id: '', name: '', arguments: '' }
      const { id: given = id, function: part = {} } = event.part
      const grown = before + (part.arguments ?? '')
      calls[event.index] = { id: given, name: part.name ?? name, arguments: grown }
      show({ state: 'writing', calls: [...calls] })
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
async function transcript(asked, model, signal, show) {
  const sound = soundOf(asked)
  const answered = await transcribe(model, sound.blob, sound.name, signal)
  show({ ...answered, text: answered.transcript.text.trim() })
}

/**
 * @param {Exchange} asked
 * @param {string} model
 * @param {AbortSignal} signal
 * @param {(change: Partial<Answer>) => void} show
 */
async function likeness(asked, model, signal, show) {
  const items = await comparedOf(asked, ({ blob }) => dataUri(blob))
  show({ likeness: await compare(model, items, signal) })
}

/** @param {Exchange} exchange as it now is */
function update(exchange) {
  if (exchange.conversation === current.get())
    conversation.set(conversation.get().map((one) => (one.id === exchange.id ? exchange : one)))
  else if (!isOpen(exchange.answer)) finishedAway.set(exchange)
}
