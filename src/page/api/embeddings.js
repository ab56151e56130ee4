/** `/v1/embeddings` of pictures, and how alike they are. */
import { post } from './client.js'

/** @typedef {import('../types.d.ts').EmbeddingList} EmbeddingList */
/** @typedef {import('../types.d.ts').Likeness} Likeness */

/**
 * @param {string} model
 * @param {readonly string[]} uris data URIs of pictures
 * @param {readonly string[]} names
 * @param {AbortSignal} signal
 * @returns {Promise<Likeness>}
 */
export async function compare(model, uris, names, signal) {
  const body = { model, input: uris, encoding_format: 'float', aerie: {} }
  const response = await post('/v1/embeddings', body, signal)
  /** @type {EmbeddingList} */
  const { data } = await response.json()
  const vectors = data.map(({ embedding }) => /** @type {number[]} */ (embedding))
  return {
    names,
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
