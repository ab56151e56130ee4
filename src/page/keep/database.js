/**
 * The browser's IndexedDB: conversations, their turns, and files by themselves, so that an answer that grows is written without the
 * pictures that it is about. Every write is one transaction: all of it is there after a reload, or nothing.
 */
import { prune } from './prune.js'
import { finished, settled } from './requests.js'

/** @typedef {import('../types.d.ts').ConversationHead} ConversationHead */
/** @typedef {import('../types.d.ts').KeptExchange} KeptExchange */
/** @typedef {import('../types.d.ts').KeptMedium} KeptMedium */

/**
 * @typedef {object} Change
 * @property {readonly ConversationHead[]} [heads] to be written
 * @property {readonly KeptExchange[]} [exchanges] to be written
 * @property {readonly KeptMedium[]} [media] to be written
 * @property {readonly string[]} [goneMedia] ids
 * @property {readonly string[]} [goneExchanges] ids; their files go with them
 * @property {readonly string[]} [goneConversations] ids; everything of theirs goes with them
 */

const VERSION = 2

/** @type {Promise<IDBDatabase> | undefined} */
let opened

/** Rejects where the browser has none, as in some private windows. @returns {Promise<IDBDatabase>} */
function open() {
  opened ??= openOnce()
  return opened
}

/** @returns {Promise<IDBDatabase>} */
async function openOnce() {
  const request = indexedDB.open('aerie', VERSION)
  request.onupgradeneeded = () => {
    const database = request.result
    for (const name of [...database.objectStoreNames]) database.deleteObjectStore(name)
    database.createObjectStore('heads', { keyPath: 'id' })
    const exchanges = database.createObjectStore('exchanges', { keyPath: 'id' })
    exchanges.createIndex('conversation', 'conversation')
    exchanges.createIndex('media', 'mediaIds', { multiEntry: true })
    database.createObjectStore('media', { keyPath: 'id' }).createIndex('at', 'at')
  }
  const database = await settled(request)
  // A newer page in another tab wants to change the form, and would wait for this one.
  database.onversionchange = () => database.close()
  database.onclose = () => {
    opened = undefined
  }
  return database
}

/** @returns {Promise<readonly ConversationHead[]>} the one that was used last first */
export async function readHeads() {
  const store = (await open()).transaction('heads').objectStore('heads')
  /** @type {ConversationHead[]} */
  const heads = await settled(store.getAll())
  return heads.sort((a, b) => b.used - a.used)
}

/**
 * @param {string} conversation
 * @returns {Promise<readonly KeptExchange[]>} in order
 */
export async function readExchanges(conversation) {
  const store = (await open()).transaction('exchanges').objectStore('exchanges')
  /** @type {KeptExchange[]} */
  const exchanges = await settled(store.index('conversation').getAll(conversation))
  return exchanges.sort((a, b) => a.at - b.at)
}

/**
 * @param {readonly string[]} ids
 * @returns {Promise<ReadonlyMap<string, Blob>>} of those that are still kept
 */
export async function readMedia(ids) {
  if (ids.length === 0) return new Map()
  const store = (await open()).transaction('media').objectStore('media')
  /** @type {(KeptMedium | undefined)[]} */
  const media = await Promise.all(ids.map((id) => settled(store.get(id))))
  return new Map(media.flatMap((medium) => (medium ? [[medium.id, medium.blob]] : [])))
}

/**
 * Resolves when it is on disk. Rejects where there is no room, of which nothing is then written.
 * @param {Change} change
 */
export async function write(change) {
  const database = await open()
  try {
    await writeOnce(database, change)
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'QuotaExceededError') throw error
    // The older half of all files makes room, once.
    await prune(database, { isFull: true })
    await writeOnce(database, change)
  }
  if (change.media?.length) await prune(database)
}

/** What earlier visits have left behind. */
export async function tidy() {
  await prune(await open())
}

/**
 * @param {IDBDatabase} database
 * @param {Change} change
 */
async function writeOnce(database, change) {
  const { heads, exchanges, media, goneMedia, goneExchanges, goneConversations } = change
  const transaction = database.transaction(['heads', 'exchanges', 'media'], 'readwrite')
  const over = finished(transaction)
  const store = (/** @type {string} */ name) => transaction.objectStore(name)
  for (const head of heads ?? []) store('heads').put(head)
  for (const exchange of exchanges ?? []) store('exchanges').put(exchange)
  for (const medium of media ?? []) store('media').put(medium)
  for (const id of goneMedia ?? []) store('media').delete(id)
  for (const id of goneConversations ?? []) {
    store('heads').delete(id)
    forEach(store('exchanges').index('conversation').openCursor(id), remove)
  }
  for (const id of goneExchanges ?? []) forEach(store('exchanges').openCursor(id), remove)
  // Said at once, as the page may be on its way out; where cursors go on, it commits by itself.
  if (!goneConversations?.length && !goneExchanges?.length) transaction.commit()
  await over

  /** @param {IDBCursorWithValue} cursor */
  function remove(cursor) {
    for (const id of cursor.value.mediaIds) store('media').delete(id)
    cursor.delete()
  }
}

/**
 * @param {IDBRequest<IDBCursorWithValue | null>} request
 * @param {(cursor: IDBCursorWithValue) => void} act
 */
function forEach(request, act) {
  request.onsuccess = () => {
    const cursor = request.result
    if (!cursor) return
    act(cursor)
    cursor.continue()
  }
}
