/** Media too large to stand in a request: uploaded once to `/v1/files`, and named by id from then on. */
import { upload } from '../api/files.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */

/** In base64 a third more, of each request anew; a server takes 64 MiB by default. */
const LARGE_BYTES = 8 * 1024 * 1024

/** Ids by attachment, of this visit: the server deletes them after a day. @type {Map<string, string>} */
const ids = new Map()

/** @param {Attachment} attachment */
export function isLarge({ blob }) {
  return blob.size > LARGE_BYTES
}

/**
 * @param {Attachment} attachment
 * @param {AbortSignal} signal
 * @returns {Promise<string>}
 */
export async function fileIdOf({ id, blob, name }, signal) {
  const known = ids.get(id)
  if (known !== undefined) return known
  const file = await upload(blob, name, 'user_data', signal)
  ids.set(id, file.id)
  return file.id
}

/** After a `not_found` that names a file: it was deleted, and the next request brings it again. */
export function forgetUploads() {
  ids.clear()
}
