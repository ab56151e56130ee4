/** Files that a person drops, pastes or chooses → attachments of a question. */
import { randomId } from '../parts/random-id.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */
/** @typedef {import('../types.d.ts').MediaKind} MediaKind */

/** Of names whose type the browser does not tell. */
const KINDS_BY_ENDING = /** @type {const} */ ({
  image: ['heic', 'heif', 'avif', 'tif', 'tiff', 'bmp', 'webp', 'dcm', 'nii'],
  video: ['mkv', 'mov', 'avi', 'mpg', 'mts', 'webm'],
  audio: ['flac', 'opus', 'ogg', 'oga', 'm4a', 'aiff', 'caf', 'amr', 'mpga'],
  document: ['pdf', 'txt', 'md', 'csv', 'json', 'html', 'xml', 'yaml', 'yml', 'log'],
})

/**
 * @param {{ readonly type: string, readonly name: string }} file
 * @returns {MediaKind | undefined} undefined for what is no medium at all
 */
export function kindOf({ type, name }) {
  const [family] = type.split('/')
  if (family === 'image' || family === 'video' || family === 'audio') return family
  if (type === 'application/pdf' || family === 'text' || type === 'application/json')
    return 'document'
  const ending = name.toLowerCase().split('.').at(-1) ?? ''
  for (const [kind, endings] of Object.entries(KINDS_BY_ENDING)) {
    if (endings.some((known) => known === ending)) return /** @type {MediaKind} */ (kind)
  }
  return undefined
}

/**
 * @param {Blob} blob
 * @param {string} name
 * @param {MediaKind} kind
 * @returns {Attachment}
 */
export function attach(blob, name, kind) {
  return { id: randomId(), kind, name, blob }
}

/** @type {WeakMap<Blob, Promise<string>>} */
const uris = new WeakMap()

/**
 * @param {Blob} blob
 * @returns {Promise<string>} `data:<type>;base64,…`; read once
 */
export function dataUri(blob) {
  let uri = uris.get(blob)
  if (!uri) {
    uri = readDataUri(blob)
    uris.set(blob, uri)
  }
  return uri
}

/**
 * @param {Blob} blob
 * @returns {Promise<string>}
 */
function readDataUri(blob) {
  const { promise, resolve, reject } = Promise.withResolvers()
  const reader = new FileReader()
  reader.onload = () => resolve(String(reader.result))
  reader.onerror = () => reject(new Error(`The file cannot be read: ${reader.error?.message}`))
  reader.readAsDataURL(blob)
  return promise
}

/** @param {string} uri */
export function base64Of(uri) {
  return uri.slice(uri.indexOf(',') + 1)
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  if (bytes < 1000) return `${bytes} B`
  const [size, unit] = bytes < 1e6 ? [bytes / 1e3, 'kB'] : [bytes / 1e6, 'MB']
  return `${size.toFixed(size < 10 ? 1 : 0)} ${unit}`
}
