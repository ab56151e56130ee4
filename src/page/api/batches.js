/** `/v1/batches`. */
import { call, post } from './client.js'

/** @typedef {import('../types.d.ts').Batch} Batch */
/** @typedef {import('../types.d.ts').BatchList} BatchList */

/**
 * @param {string} [after] id of the last batch of the page before
 * @returns {Promise<BatchList>} newest first
 */
export async function listBatches(after) {
  const query = after === undefined ? '' : `&after=${encodeURIComponent(after)}`
  const response = await call(`/v1/batches?limit=20${query}`)
  return response.json()
}

/**
 * @param {string} fileId
 * @param {string} endpoint
 * @returns {Promise<Batch>}
 */
export async function createBatch(fileId, endpoint) {
  const body = { input_file_id: fileId, endpoint, completion_window: '24h' }
  const response = await post('/v1/batches', body)
  return response.json()
}

/**
 * @param {string} id
 * @returns {Promise<Batch>}
 */
export async function cancelBatch(id) {
  const response = await call(`/v1/batches/${id}/cancel`, { method: 'POST' })
  return response.json()
}

/** States in which nothing more will happen. */
const ENDED = ['failed', 'completed', 'expired', 'cancelled']

/** @param {Batch} batch */
export function hasEnded({ status }) {
  return ENDED.includes(status)
}
