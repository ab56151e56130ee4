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
import { readExchanges, readHeads, readMedia, recover, tidy, write } from './database.js'
import { exchangeOf, Kept, recordOf, writeOf } from './records.js'
import { listenToTabs, tellTabs, untilGone } from './tabs.js'
import { remember, remembered } from './unwritten.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */
/** @typedef {import('../types.d.ts').ConversationHead} ConversationHead */
/** @typedef {import('../types.d.ts').Exchange} Exchange */

/** Of this tab: another one may show another conversation. */
const TAB_KEY = 'aerie.conversation'

/** Answers change many times a second; everything else is written at once. */
const PAUSE_MS = 400

const TITLE_CHARACTERS = 80

/** All conversations that are kept, the one that was used last first. */
export const heads = new Store(/** @type {readonly ConversationHead[]} */ ([]))

/** Why something is not kept, in words; empty where everything is. */
export const keepingProblem = new Store('')

/** Turns of the conversation as they were last written or read. @type {Map<string, Kept>} */
const kept = new Map()

/** Ids of files that are kept. @type {Set<string>} */
const keptMedia = new Set()

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer

/** Shows what was kept, and keeps what changes from then on. */
export async function startKeeping() {
  try {
    await recoverUnwritten()
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

async function recoverUnwritten() {
  const left = remembered()
  const { known: _, ...all } = left
  if (Object.values(all).every((some) => some.length === 0)) return
  const forget = remember(left)
  await recover(left)
  forget()
}

function rememberTab() {
  sessionStorage.setItem(TAB_KEY, current.get())
}

/** @param {import('./tabs.js').TabMessage} message */
function hear(message) {
  if (message.type === 'stop') {
    if (runningHere(message.exchange)) stop(message.exchange)
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
  const named = { ...head, title: title.slice(0, TITLE_CHARACTERS), isNamed: true }
  heads.set(heads.get().map((one) => (one.id === id ? named : one)))
  await save({ heads: [named] }, id)
}

/** @param {readonly string[]} ids */
export async function deleteConversations(ids) {
  // Begun before the deletion, and so of what was there.
  const answering = Promise.all(ids.map(readExchanges))
  if (ids.includes(current.get())) {
    stopAll()
    kept.clear()
    current.set(randomId())
    conversation.set([])
  }
  heads.set(heads.get().filter(({ id }) => !ids.includes(id)))
  const deleted = save({ goneConversations: ids }, ...ids)
  for (const { id, answer } of (await answering.catch(() => [])).flat())
    if (isOpen(answer)) stop(id)
  await deleted
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
  const exchanges = changes.map((exchange) => {
    const before = kept.get(exchange.id)
    const write = writeOf(exchange, before)
    kept.set(exchange.id, new Kept(exchange, write.record, before?.isWritten ?? false))
    return write
  })
  const media = newMedia(changes.flatMap((exchange) => exchange.media))
  const change =
    all.length > 0 ? { heads: [headOf(id, all)], goneExchanges } : { goneConversations: [id] }
  void save({ ...change, exchanges, media }, id).then((isWritten) => {
    for (const { id } of changes) {
      const now = kept.get(id)
      // Tried again with the next change.
      if (!isWritten) kept.delete(id)
      else if (now) now.isWritten = true
    }
  })
}

/**
 * An answer to a conversation that is no longer shown.
 * @param {Exchange} exchange
 */
function keepAway(exchange) {
  const head = heads.get().find(({ id }) => id === exchange.conversation)
  if (!head) return
  const exchanges = [{ record: recordOf(exchange, undefined), over: 'any' }]
  void save({ heads: [{ ...head, used: Date.now() }], exchanges }, exchange.conversation)
}

/**
 * Whether it was written; files are left out where they do not fit.
 * @param {import('./database.js').Change} change
 * @param {...string} conversations that have changed
 */
async function save(change, ...conversations) {
  const forget = remember(change)
  try {
    const leftOut = await write(change)
    forget()
    if (leftOut.length > 0) reread().catch(failed)
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
    settleOpen()
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
    if (
      running ||
      (here && (known?.exchange !== here || known.record.version === record.version))
    ) {
      merged.push(running ?? /** @type {Exchange} */ (here))
      continue
    }
    const exchange = exchangeOf(record, blobs)
    for (const { id } of record.media) keptMedia.add(id)
    kept.set(record.id, new Kept(exchange, record, true))
    merged.push(exchange)
  }
  for (const exchange of mine.values()) {
    // Not written yet, or deleted in another tab.
    if (kept.get(exchange.id)?.exchange !== exchange) merged.push(exchange)
    else kept.delete(exchange.id)
  }
  conversation.set(merged.sort((a, b) => a.at - b.at))
}

/** Tabs whose answers are shown here while they are written there. @type {Set<string>} */
const awaited = new Set()

/** Answers that nobody is waiting for any more: the page was closed in the middle, or its tab, or it broke down. */
function settleOpen() {
  for (const { id, answer } of conversation.get()) {
    if (!isOpen(answer) || runningHere(id)) continue
    const owner = kept.get(id)?.record.owner
    if (owner === undefined) settleLost(id)
    else if (!awaited.has(owner)) {
      awaited.add(owner)
      void untilGone(owner).then(() => {
        awaited.delete(owner)
        settleOf(owner)
      })
    }
  }
}

/** @param {string} tab that is gone */
function settleOf(tab) {
  for (const { id } of conversation.get())
    if (kept.get(id)?.record.owner === tab && !runningHere(id)) settleLost(id)
}
