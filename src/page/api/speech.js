/** `/v1/audio/transcriptions`. */
import { call } from './client.js'

/** @typedef {import('../types.d.ts').Transcript} Transcript */

/**
 * @param {string} model
 * @param {Blob} sound
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {Promise<{ readonly transcript: Transcript, readonly requestId: string | undefined }>} with segments
 */
export async function transcribe(model, sound, name, signal) {
  const form = new FormData()
  form.set('model', model)
  form.set('response_format', 'verbose_json')
  form.set('file', sound, name)
  const response = await call('/v1/audio/transcriptions', { method: 'POST', body: form, signal })
  const requestId = response.headers.get('x-request-id') ?? undefined
  return { transcript: await response.json(), requestId }
}
