/** `/v1/files`: what is too large for a request's body, and batches' lines and results. */
import { call } from './client.js'

/** @typedef {import('../types.d.ts').WireFile} WireFile */

/** Files that the page uploads for a conversation are gone after a day. */
const KEPT_SECONDS = 24 * 60 * 60

/**
 * @param {Blob} blob
 * @param {string} name
 * @param {'user_data' | 'batch'} purpose
 * @param {(share: number) => void} [tell] how much of it has been sent, 0 … 1
 * @returns {Promise<WireFile>}
 */
export async function upload(blob, name, purpose, tell) {
  const form = new FormData()
  form.set('purpose', purpose)
  if (purpose === 'user_data') {
    form.set('expires_after[anchor]', 'created_at')
    form.set('expires_after[seconds]', String(KEPT_SECONDS))
  }
  form.set('file', blob, name)
  const response = await call('/v1/files', { method: 'POST', body: form }, sendWith(tell))
  return response.json()
}

/**
 * `fetch` does not tell how much of a body has been sent; the older way does.
 * @param {((share: number) => void) | undefined} tell
 * @returns {(path: string, init: RequestInit & { readonly headers: Headers }) => Promise<Response>}
 */
function sendWith(tell) {
  return (path, { method = 'POST', headers, body }) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest()
      request.open(method, path)
      headers.forEach((value, name) => {
        request.setRequestHeader(name, value)
      })
      request.responseType = 'blob'
      request.upload.onprogress = ({ loaded, total }) => tell?.(loaded / Math.max(1, total))
      request.onload = () => resolve(answerOf(request))
      // As of `fetch`: whoever catches it knows that nobody answered.
      request.onerror = () => reject(new TypeError('the upload broke off'))
      request.send(/** @type {FormData} */ (body))
    })
}

/** @param {XMLHttpRequest} request that has ended */
function answerOf(request) {
  const lines = request.getAllResponseHeaders().trim().split('\r\n')
  const headers = lines.map((line) => /** @type {[string, string]} */ (line.split(': ', 2)))
  return new Response(request.response, { status: request.status, headers })
}

/**
 * @param {string} id
 * @returns {Promise<Blob>}
 */
export async function download(id) {
  const response = await call(`/v1/files/${encodeURIComponent(id)}/content`)
  return response.blob()
}
