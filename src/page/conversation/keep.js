/** The conversation over a reload: in this browser's IndexedDB, media and all, until a new one is begun. */
import { conversation } from './conversation.js'

/** @typedef {import('../types.d.ts').Exchange} Exchange */

const [DATABASE, STORE, RECORD] = ['aerie', 'conversations', 'current']

/** Media of older questions are not kept beyond it; their words are. */
const MOST_BYTES = 128 * 1024 * 1024

/** Streams change the conversation many times a second. */
const PAUSE_MS = 400

/** Shows what was kept, and keeps what changes from then on. Without IndexedDB, as in some private windows, nothing is kept. */
export async function keepConversation() {
  const database = await open().catch(() => undefined)
  if (!database) return
  const kept = await read(database).catch(() => undefined)
  if (Array.isArray(kept) && conversation.get().length === 0) conversation.set(kept.map(settle))
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  conversation.watch((exchanges) => {
    clearTimeout(timer)
    timer = setTimeout(() => write(database, exchanges), PAUSE_MS)
  })
  // Also in the middle of a pause.
  addEventListener('pagehide', () => write(database, conversation.get()))
}

/**
 * What was under way when the page went is no longer.
 * @param {Exchange} exchange
 * @returns {Exchange}
 */
function settle(exchange) {
  const { answer } = exchange
  if (!answer || ['done', 'stopped', 'failed'].includes(answer.state)) return exchange
  return { ...exchange, answer: { ...answer, state: 'stopped' } }
}

/**
 * @param {readonly Exchange[]} exchanges
 * @returns {readonly Exchange[]} the newest with their media, older ones without
 */
export function within(exchanges, mostBytes = MOST_BYTES) {
  let bytes = 0
  return exchanges
    .toReversed()
    .map((exchange) => {
      bytes += exchange.media.reduce((sum, { blob }) => sum + blob.size, 0)
      return bytes > mostBytes ? { ...exchange, media: [] } : exchange
    })
    .toReversed()
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  const request = indexedDB.open(DATABASE, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(STORE)
  return settled(request)
}

/** @param {IDBDatabase} database */
function read(database) {
  return settled(database.transaction(STORE).objectStore(STORE).get(RECORD))
}

/**
 * @param {IDBDatabase} database
 * @param {readonly Exchange[]} exchanges
 */
function write(database, exchanges) {
  const store = database.transaction(STORE, 'readwrite').objectStore(STORE)
  // A full disk is no reason to disturb anyone: the conversation goes on, and is gone with the page.
  settled(store.put(within(exchanges), RECORD)).catch((error) => console.warn('not kept:', error))
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function settled(request) {
  const { promise, resolve, reject } = Promise.withResolvers()
  request.onsuccess = () => resolve(request.result)
  request.onerror = () => reject(request.error)
  return promise
}
