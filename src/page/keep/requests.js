/** IndexedDB's events as promises. A transaction stays open over an `await` of one of its own requests. */

/**
 * @param {IDBTransaction} transaction
 * @returns {Promise<void>}
 */
export function finished(transaction) {
  const { promise, resolve, reject } = Promise.withResolvers()
  transaction.oncomplete = () => resolve(undefined)
  transaction.onabort = () => reject(transaction.error ?? new Error('not written'))
  return promise
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
export function settled(request) {
  const { promise, resolve, reject } = Promise.withResolvers()
  request.onsuccess = () => resolve(request.result)
  request.onerror = () => reject(request.error)
  return promise
}
