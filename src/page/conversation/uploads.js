/** Media too large to stand in a request: uploaded once to `/v1/files`, and named by id from then on. */
import { upload } from '../api/files.js'
import { Store } from '../store.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */

/** What stands in a request is sent again with each turn, and with each count of its cost. */
const LARGE_BYTES = 2 * 1024 * 1024

/** Ids by attachment, of this visit: the server deletes the files after a day. @type {Map<string, Promise<string>>} */
const ids = new Map()

/** How much of each upload under way has been sent, 0 … 1, by attachment. */
export const uploading = new Store(/** @type {ReadonlyMap<string, number>} */ (new Map()))

/**
 * @param {string} id
 * @param {number | undefined} share undefined when it is over
 */
function tell(id, share) {
  const shares = new Map(uploading.get())
  if (share === undefined) shares.delete(id)
  else shares.set(id, share)
  uploading.set(shares)
}

/** @param {Attachment} attachment */
export function isLarge({ blob }) {
  return blob.size > LARGE_BYTES
}

/**
 * Whoever asks first uploads it. The upload goes on when they leave: the next question wants it too.
 * @param {Attachment} attachment
 * @param {AbortSignal} signal ends the wait
 * @returns {Promise<string>}
 */
export async function fileIdOf({ id, blob, name }, signal) {
  let uploaded = ids.get(id)
  if (!uploaded) {
    uploaded = upload(blob, name, 'user_data', (share) => tell(id, share))
      .then((file) => file.id)
      .finally(() => tell(id, undefined))
    ids.set(id, uploaded)
    // One that failed is tried again.
    uploaded.catch(() => ids.delete(id))
  }
  const { promise: left, reject } = Promise.withResolvers()
  const leave = () => reject(signal.reason)
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await Promise.race([uploaded, left])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

/** After a `not_found`: a file was deleted, and the next request brings it again. */
export function forgetUploads() {
  ids.clear()
}
