/**
 * Keeps the conversation that is shown over reloads, and the same in every tab that shows it. IndexedDB runs transactions in the
 * order in which they were begun, so that whatever is read has what was written before.
 */
import {
  conversation,
  current,
  finishedAway,
  isOpen,
  runningHere,
  settleLost,
  stop,
  stopAll,
} from '../conversation/conversation.js'
import { randomId } from '../parts/random-id.js'
import { Store } from '../store.js'
import { readExchanges, readHeads, readMedia, tidy, write } from './database.js'
import { listenToTabs, runningElsewhere, tellTabs } from './tabs.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */
/** @typedef {import('../types.d.ts').ConversationHead} ConversationHead */
/** @typedef {import('../types.d.ts').Exchange} Exchange */
/** @typedef {import('../types.d.ts').KeptExchange} KeptExchange */

/** Of this tab: another one may show another conversation. */
const TAB_KEY = 'aerie.conversation'

/** Answers change many times a second; everything else is written at once. */
const PAUSE_MS = 400

/** How often tabs that answer are asked whether they are still there. */
const OTHERS_MS = 2000

const TITLE_CHARACTERS = 80

/** All conversations that are kept, the one that was used last first. */
export const heads = new Store(/** @type {readonly ConversationHead[]} */ ([]))

/** Why something is not kept, in words; empty where everything is. */
export const keepingProblem = new Store('')

/** Turns of the conversation as they were last written or read. @type {Map<string, { readonly exchange: Exchange, readonly version: string }>} */
const kept = new Map()

/** Ids of files that are kept. @type {Set<string>} */
const keptMedia = new Set()

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer

/** Shows what was kept, and keeps what changes from then on. */
export async function startKeeping() {
  try {
    heads.set(await readHeads())
  } catch (error) {
    keepingProblem.set(`This browser keeps nothing over a reload: ${reasonOf(error)}`)
    return
  }
  // Whoever has begun to ask in the meantime goes on with that.
  if (conversation.get().length === 0) {
    const inTab = sessionStorage.getItem(TAB_KEY)
    current.set(inTab ?? heads.get()[0]?.id ?? current.get())
    await reread()
  }
  rememberTab()
  current.watch(rememberTab)
  conversation.watch(changed)
  finishedAway.watch((exchange) => exchange && keepAway(exchange))
  listenToTabs(hear)
  changed()
  addEventListener('pagehide', () => {
    stopAll()
    flush()
  })
  document.addEventListener('visibilitychange', flush)
  tidy().catch(failed)
}

function rememberTab() {
  sessionStorage.setItem(TAB_KEY, current.get())
}

/** @param {import('./tabs.js').TabMessage} message */
function hear(message) {
  if (message.type === 'stop') {
    if (runningHere(message.exchange)) stop(message.exchange)
  } else if (message.type === 'running?') {
    const exchanges = message.exchanges.filter(runningHere)
    if (exchanges.length > 0) tellTabs({ type: 'running', exchanges })
  } else if (message.type === 'changed') {
    readAllHeads()
    if (message.conversation === current.get()) reread().catch(failed)
  }
}

function readAllHeads() {
  readHeads().then((read) => heads.set(read), failed)
}

/** @param {string} id */
export async function openConversation(id) {
  flush()
  kept.clear()
  current.set(id)
  conversation.set([])
  await reread().catch(failed)
}

export function newConversation() {
  flush()
  kept.clear()
  current.set(randomId())
  conversation.set([])
}

/**
 * @param {string} id
 * @param {string} title
 */
export async function renameConversation(id, title) {
  const head = heads.get().find((one) => one.id === id)
  if (!head) return
  await save({ heads: [{ ...head, title: title.slice(0, TITLE_CHARACTERS), isNamed: true }] }, id)
}

/** @param {readonly string[]} ids */
export async function deleteConversations(ids) {
  for (const id of ids) {
    for (const exchange of await readExchanges(id).catch(() => []))
      if (isOpen(exchange.answer)) stop(exchange.id)
  }
  if (ids.includes(current.get())) {
    stopAll()
    kept.clear()
    current.set(randomId())
    conversation.set([])
  }
  await save({ goneConversations: ids }, ...ids)
}

/**
 * Files of a question that nobody has asked yet.
 * @param {readonly Attachment[]} added
 * @param {readonly Attachment[]} [removed]
 */
export function keepMedia(added, removed = []) {
  const media = newMedia(added)
  const goneMedia = removed.map(({ id }) => id)
  if (media.length > 0 || goneMedia.length > 0) void save({ media, goneMedia })
}

/** What has changed is written: at once, but for an answer that has only grown. */
function changed() {
  const exchanges = conversation.get()
  const isMore = exchanges.some((exchange) => {
    const before = kept.get(exchange.id)?.exchange
    return !before || (before !== exchange && before.answer?.state !== exchange.answer?.state)
  })
  const ids = new Set(exchanges.map(({ id }) => id))
  if (isMore || [...kept.keys()].some((id) => !ids.has(id))) flush()
  else timer ??= setTimeout(flush, PAUSE_MS)
}

function flush() {
  clearTimeout(timer)
  timer = undefined
  const id = current.get()
  const all = conversation.get()
  const changes = all.filter((exchange) => kept.get(exchange.id)?.exchange !== exchange)
  const ids = new Set(all.map((exchange) => exchange.id))
  const goneExchanges = [...kept.keys()].filter((known) => !ids.has(known))
  if (changes.length === 0 && goneExchanges.length === 0) return
  for (const gone of goneExchanges) kept.delete(gone)
  const exchanges = changes.map((exchange) => recordOf(exchange))
  for (const [i, exchange] of changes.entries())
    kept.set(exchange.id, { exchange, version: exchanges[i]?.version ?? '' })
  const media = newMedia(changes.flatMap((exchange) => exchange.media))
  const change =
    all.length > 0 ? { heads: [headOf(id, all)], goneExchanges } : { goneConversations: [id] }
  void save({ ...change, exchanges, media }, id).then((isWritten) => {
    // Tried again with the next change.
    if (!isWritten) for (const exchange of changes) kept.delete(exchange.id)
  })
}

/**
 * An answer to a conversation that is no longer shown.
 * @param {Exchange} exchange
 */
function keepAway(exchange) {
  const head = heads.get().find(({ id }) => id === exchange.conversation)
  if (!head) return
  const change = { heads: [{ ...head, used: Date.now() }], exchanges: [recordOf(exchange)] }
  void save(change, exchange.conversation)
}

/**
 * Whether it was written; files are left out where they do not fit.
 * @param {import('./database.js').Change} change
 * @param {...string} conversations that have changed
 */
async function save(change, ...conversations) {
  try {
    await write(change)
    if (keepingProblem.get() !== '' && change.media?.length) keepingProblem.set('')
  } catch (error) {
    for (const { id } of change.media ?? []) keptMedia.delete(id)
    if (!change.media?.length) {
      failed(error)
      return false
    }
    keepingProblem.set(`Files are not kept over a reload: ${reasonOf(error)}`)
    return save({ ...change, media: [] }, ...conversations)
  }
  if (conversations.length > 0) readAllHeads()
  for (const id of conversations) tellTabs({ type: 'changed', conversation: id })
  return true
}

/** @param {unknown} error */
function failed(error) {
  keepingProblem.set(`The conversation is not kept over a reload: ${reasonOf(error)}`)
}

/** @param {unknown} error */
function reasonOf(error) {
  if (error instanceof DOMException && error.name === 'QuotaExceededError')
    return 'the browser has no room left.'
  return error instanceof Error ? error.message : String(error)
}

/** @param {readonly Attachment[]} media */
function newMedia(media) {
  const missing = media.filter(({ id }) => !keptMedia.has(id))
  for (const { id } of missing) keptMedia.add(id)
  return missing.map(({ id, blob }) => ({ id, blob, at: Date.now() }))
}

/**
 * @param {Exchange} exchange
 * @returns {KeptExchange}
 */
function recordOf({ lost: _, media, ...exchange }) {
  return {
    ...exchange,
    media: media.map(({ blob: _, ...attachment }) => attachment),
    mediaIds: media.map(({ id }) => id),
    version: randomId(),
  }
}

/**
 * @param {string} id
 * @param {readonly Exchange[]} exchanges
 * @returns {ConversationHead}
 */
function headOf(id, exchanges) {
  const head = heads.get().find((one) => one.id === id)
  const used = Date.now()
  if (head?.isNamed) return { ...head, used }
  const [first] = exchanges
  // Its first line, without the marks of a heading or a list.
  const words = first?.text
    .trim()
    .split('\n', 1)[0]
    ?.replace(/^[#>*\s-]+/, '')
  const title = words || first?.media[0]?.name || 'Without words'
  return { id, title: title.slice(0, TITLE_CHARACTERS), isNamed: false, used }
}

/** @type {Promise<void> | undefined} */
let rereading
let isStale = false

/** Takes over what is kept of the conversation that is shown, one time after the other: what was read before must not come after. */
function reread() {
  isStale = true
  rereading ??= (async () => {
    try {
      while (isStale) {
        isStale = false
        await rereadOnce()
      }
    } finally {
      rereading = undefined
    }
    void settleOpen()
  })()
  return rereading
}

/** What was changed here and is not written yet stays. */
async function rereadOnce() {
  const id = current.get()
  const records = await readExchanges(id)
  const attachments = conversation
    .get()
    .flatMap(({ media }) => media.map(({ blob, id }) => [id, blob]))
  const blobs = new Map(/** @type {[string, Blob][]} */ (attachments))
  const ids = records.flatMap(({ mediaIds }) => mediaIds)
  const read = await readMedia(ids.filter((one) => !blobs.has(one)))
  if (current.get() !== id) return
  for (const [one, blob] of read) blobs.set(one, blob)
  const mine = new Map(conversation.get().map((exchange) => [exchange.id, exchange]))
  /** @type {Exchange[]} */
  const merged = []
  for (const record of records) {
    const here = mine.get(record.id)
    const known = kept.get(record.id)
    mine.delete(record.id)
    const running = runningHere(record.id)
    if (running || (here && (known?.exchange !== here || known.version === record.version))) {
      merged.push(running ?? /** @type {Exchange} */ (here))
      continue
    }
    const exchange = exchangeOf(record, blobs)
    kept.set(record.id, { exchange, version: record.version })
    merged.push(exchange)
  }
  for (const exchange of mine.values()) {
    // Not written yet, or deleted in another tab.
    if (kept.get(exchange.id)?.exchange !== exchange) merged.push(exchange)
    else kept.delete(exchange.id)
  }
  conversation.set(merged.sort((a, b) => a.at - b.at))
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let lookAgain

/** Answers that nobody is waiting for any more: the page was closed in the middle, or its tab, or it broke down. */
async function settleOpen() {
  clearTimeout(lookAgain)
  const open = conversation
    .get()
    .filter(({ id, answer }) => isOpen(answer) && !runningHere(id))
    .map(({ id }) => id)
  const elsewhere = await runningElsewhere(open)
  for (const id of open) if (!elsewhere.has(id)) settleLost(id)
  clearTimeout(lookAgain)
  if (elsewhere.size > 0) lookAgain = setTimeout(settleOpen, OTHERS_MS)
}

/**
 * @param {KeptExchange} record
 * @param {ReadonlyMap<string, Blob>} blobs
 * @returns {Exchange}
 */
function exchangeOf({ mediaIds: _, version: __, media, ...exchange }, blobs) {
  const lost = media.filter(({ id }) => !blobs.has(id)).map(({ name }) => name)
  for (const { id } of media) keptMedia.add(id)
  return {
    ...exchange,
    media: media.flatMap((attachment) => {
      const blob = blobs.get(attachment.id)
      return blob ? [{ ...attachment, blob }] : []
    }),
    ...(lost.length > 0 && { lost }),
  }
}
