/** Bounds of what is kept: the oldest files go first, then the conversations that were used least recently. */

import { finished, settled } from './requests.js'

/** Of all files in all conversations. */
export const MOST_BYTES = 256 * 1024 * 1024

export const MOST_CONVERSATIONS = 200

/** Files that belong to no turn were added to a question that nobody has asked. */
const UNASKED_MS = 24 * 60 * 60 * 1000

/**
 * @param {IDBDatabase} database
 * @param {{ readonly isFull?: boolean }} [options] whether the browser has no more room, and half of what there is has to go
 */
export async function prune(database, { isFull = false } = {}) {
  const transaction = database.transaction(['heads', 'exchanges', 'media'], 'readwrite')
  const over = finished(transaction)
  await pruneMedia(transaction, isFull)
  await pruneConversations(transaction)
  await over
}

/**
 * @param {IDBTransaction} transaction
 * @param {boolean} isFull
 */
async function pruneMedia(transaction, isFull) {
  const media = transaction.objectStore('media')
  const uses = transaction.objectStore('exchanges').index('media')
  /** @type {import('../types.d.ts').KeptMedium[]} */
  const all = await settled(media.index('at').getAll())
  const total = all.reduce((sum, { blob }) => sum + blob.size, 0)
  const mostBytes = isFull ? total / 2 : MOST_BYTES
  let bytes = 0
  for (const { id, at, blob } of all.toReversed()) {
    const isOld = Date.now() - at > UNASKED_MS
    const isUnused = isOld && (await settled(uses.count(id))) === 0
    if (!isUnused) bytes += blob.size
    if (isUnused || bytes > mostBytes) media.delete(id)
  }
}

/** @param {IDBTransaction} transaction */
async function pruneConversations(transaction) {
  const heads = transaction.objectStore('heads')
  const exchanges = transaction.objectStore('exchanges')
  /** @type {import('../types.d.ts').ConversationHead[]} */
  const all = await settled(heads.getAll())
  const dropped = all.sort((a, b) => b.used - a.used).slice(MOST_CONVERSATIONS)
  for (const { id } of dropped) {
    heads.delete(id)
    const keys = await settled(exchanges.index('conversation').getAllKeys(id))
    for (const key of keys) exchanges.delete(key)
  }
}
