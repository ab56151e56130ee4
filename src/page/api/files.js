/** `/v1/files`: what is too large for a request's body, and batches' lines and results. */
import { call } from './client.js'

/** @typedef {import('../types.d.ts').WireFile} WireFile */

/** Files that the page uploads for a conversation are gone after a day. */
const KEPT_SECONDS = 24 * 60 * 60

/**
 * @param {Blob} blob
 * @param {string} name
 * @param {'user_data' | 'batch'} purpose
 * @returns {Promise<WireFile>}
 */
export async function upload(blob, name, purpose) {
  const form = new FormData()
  form.set('purpose', purpose)
  if (purpose === 'user_data') {
    form.set('expires_after[anchor]', 'created_at')
    form.set('expires_after[seconds]', String(KEPT_SECONDS))
  }
  form.set('file', blob, name)
  const response = await call('/v1/files', { method: 'POST', body: form })
  return response.json()
}

/**
 * @param {string} id
 * @returns {Promise<Blob>}
 */
export async function download(id) {
  const response = await call(`/v1/files/${encodeURIComponent(id)}/content`)
  return response.blob()
}
