/** `/v1/embeddings` of pictures and texts, and how alike they are. */
import { post } from './client.js'

/** @typedef {import('../types.d.ts').EmbeddingList} EmbeddingList */
/** @typedef {import('../types.d.ts').Likeness} Likeness */

/**
 * @typedef {object} Compared
 * @property {string} name
 * @property {string | { readonly type: 'text', readonly text: string }} input a picture's data URI, or a text
 */

/**
 * @param {string} model
 * @param {readonly Compared[]} items
 * @param {AbortSignal} signal
 * @returns {Promise<Likeness>}
 */
export async function compare(model, items, signal) {
  const input = items.map((item) => item.input)
  const response = await post(
    '/v1/embeddings',
    { model, input, encoding_format: 'float', aerie: {} },
    signal,
  )
  /** @type {EmbeddingList} */
  const { data } = await response.json()
  const vectors = data.map(({ embedding }) => /** @type {number[]} */ (embedding))
  return {
    names: items.map(({ name }) => name),
    channels: vectors[0]?.length ?? 0,
    patches: data.map(({ aerie }) => aerie?.patches ?? 0),
    cosines: vectors.map((a) => vectors.map((b) => cosine(a, b))),
  }
}

/**
 * @param {readonly number[]} a
 * @param {readonly number[]} b as long as `a`
 */
export function cosine(a, b) {
  const dot = a.reduce((sum, x, i) => sum + x * /** @type {number} */ (b[i]), 0)
  return dot / (Math.hypot(...a) * Math.hypot(...b))
}
