/** What models are asked that do not chat: a sound to be written down, things to be compared. */

/** @typedef {import('../types.d.ts').Attachment} Attachment */
/** @typedef {import('../types.d.ts').Exchange} Exchange */

/** @param {Pick<Exchange, 'media'>} exchange @returns {Attachment} */
export function soundOf({ media }) {
  const sound = media.find(isSound)
  if (!sound) throw new Error('A speech model needs a sound or a clip.')
  return sound
}

/** @param {Pick<Attachment, 'kind'>} medium */
export function isSound({ kind }) {
  return kind === 'audio' || kind === 'video'
}

/**
 * Pictures, and texts, one a line.
 * @param {Pick<Exchange, 'media' | 'text'>} exchange
 * @param {(picture: Attachment) => Promise<string>} locate a picture's data URI
 * @returns {Promise<import('../api/embeddings.js').Compared[]>}
 */
export async function comparedOf({ text, media }, locate) {
  const pictures = media
    .filter(({ kind }) => kind === 'image')
    .map(async (picture) => ({ name: picture.name, input: await locate(picture) }))
  const texts = linesOf(text).map((line) => ({
    name: line,
    input: { type: /** @type {const} */ ('text'), text: line },
  }))
  return [...(await Promise.all(pictures)), ...texts]
}

/** What is to be compared, one a line. @param {string} text */
export function linesOf(text) {
  return text.split('\n').flatMap((line) => line.trim() || [])
}
