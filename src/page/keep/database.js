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
 * @property {readonly ExchangeWrite[]} [exchanges] to be written
 * @property {readonly KeptMedium[]} [media] to be written
 * @property {readonly string[]} [goneMedia] ids
 * @property {readonly string[]} [goneExchanges] ids; their files go with them
 * @property {readonly string[]} [goneConversations] ids; everything of theirs goes with them
 */

/**
 * `over`: what it may be written over, a version or `any`; where something else is there, or nothing any more, another tab was
 * faster, and it is left out.
 * @typedef {{ readonly record: KeptExchange, readonly over?: string }} ExchangeWrite
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
 * @returns {Promise<readonly string[]>} ids of turns that were left out
 */
export async function write(change) {
  const database = await open()
  /** @type {readonly string[]} */
  let leftOut
  try {
    leftOut = await writeOnce(database, change)
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'QuotaExceededError') throw error
    // The older half of all files makes room, once.
    await prune(database, { isFull: true })
    leftOut = await writeOnce(database, change)
  }
  if (change.media?.length) await prune(database)
  return leftOut
}

/**
 * Writes what a page that is gone was about to, where nothing newer is there.
 * @param {Change & { readonly known: ReadonlySet<string> }} change `known`: ids of what is written only where it still is
 */
export async function recover({ known, heads = [], exchanges = [], ...gone }) {
  const database = await open()
  const transaction = database.transaction(['heads', 'exchanges', 'media'], 'readwrite')
  const over = finished(transaction)
  for (const head of heads)
    putOver(transaction.objectStore('heads'), head.id, (/** @type {ConversationHead} */ before) =>
      before ? newerHead(before, head) : known.has(head.id) ? undefined : head,
    )
  for (const { record } of exchanges)
    putOver(
      transaction.objectStore('exchanges'),
      record.id,
      (/** @type {KeptExchange} */ before) =>
        (before ? before.changed >= record.changed : known.has(record.id)) ? undefined : record,
    )
  removeGone(transaction, gone)
  await over
}

/**
 * A title that a person has chosen stays.
 * @param {ConversationHead} before
 * @param {ConversationHead} after
 */
function newerHead(before, after) {
  const newer = after.used >= before.used ? after : before
  const named = newer.isNamed ? newer : after.isNamed ? after : before
  return { ...newer, title: named.isNamed ? named.title : newer.title, isNamed: named.isNamed }
}

/** What earlier visits have left behind. */
export async function tidy() {
  await prune(await open())
}

/**
 * @param {IDBDatabase} database
 * @param {Change} change
 */
async function writeOnce(database, { heads = [], exchanges = [], media, goneMedia, ...gone }) {
  const transaction = database.transaction(['heads', 'exchanges', 'media'], 'readwrite')
  const over = finished(transaction)
  const store = (/** @type {string} */ name) => transaction.objectStore(name)
  /** @type {string[]} */
  const leftOut = []
  const [sure, unsure] = [exchanges.filter((one) => !one.over), exchanges.filter((one) => one.over)]
  for (const { record } of sure) store('exchanges').put(record)
  for (const [i, { record, over }] of unsure.entries())
    putOver(store('exchanges'), record.id, (/** @type {KeptExchange | undefined} */ before) => {
      const isFree = before && (over === 'any' || over === before.version)
      if (!isFree) leftOut.push(record.id)
      // A conversation that was deleted elsewhere is not to come back without its turns.
      const isLast = i === unsure.length - 1
      if (isLast && sure.length === 0 && leftOut.length < unsure.length) putHeads()
      return isFree ? record : undefined
    })
  if (sure.length > 0 || unsure.length === 0) putHeads()
  for (const medium of media ?? []) store('media').put(medium)
  for (const id of goneMedia ?? []) store('media').delete(id)
  removeGone(transaction, gone)
  // Said at once where nothing has to be read first: a page that is busy afterwards keeps nobody waiting.
  if (unsure.length === 0 && !gone.goneExchanges?.length && !gone.goneConversations?.length)
    transaction.commit()
  await over
  return leftOut

  function putHeads() {
    for (const head of heads) store('heads').put(head)
  }
}

/**
 * @param {IDBTransaction} transaction
 * @param {Pick<Change, 'goneExchanges' | 'goneConversations'>} gone
 */
function removeGone(transaction, { goneExchanges = [], goneConversations = [] }) {
  const exchanges = transaction.objectStore('exchanges')
  for (const id of goneConversations) {
    transaction.objectStore('heads').delete(id)
    forEach(exchanges.index('conversation').openCursor(id), remove)
  }
  for (const id of goneExchanges) forEach(exchanges.openCursor(id), remove)

  /** @param {IDBCursorWithValue} cursor */
  function remove(cursor) {
    for (const id of cursor.value.mediaIds) transaction.objectStore('media').delete(id)
    cursor.delete()
  }
}

/**
 * @template T
 * @param {IDBObjectStore} store
 * @param {string} id
 * @param {(before: T) => T | undefined} change what there is, to what is to be there; undefined leaves it as it is
 */
function putOver(store, id, change) {
  const request = store.get(id)
  request.onsuccess = () => {
    const after = change(request.result)
    if (after !== undefined) store.put(after)
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
