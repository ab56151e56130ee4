/** Files that lie beside a program: their names, and where they stand in its request. */
import { dataUri } from '../conversation/attachments.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */

/** @typedef {{ readonly name: string, readonly blob: Blob }} NamedFile */

/**
 * A name for each: what is pasted is often called as another is, and one name is one file.
 * @param {readonly Attachment[]} media
 * @returns {Promise<ReadonlyMap<string, NamedFile>>} by the attachments' ids
 */
export async function namedFiles(media) {
  /** @type {Map<string, NamedFile>} */
  const byId = new Map()
  /** @type {Map<string, Blob>} */
  const taken = new Map()
  for (const { id, name, blob } of media) {
    let free = name
    for (let i = 2; taken.has(free); i++) {
      if (await isSame(/** @type {Blob} */ (taken.get(free)), blob)) break
      free = numbered(name, i)
    }
    taken.set(free, blob)
    byId.set(id, { name: free, blob })
  }
  return byId
}

/**
 * `image.png` → `image-2.png`.
 * @param {string} name
 * @param {number} i
 */
function numbered(name, i) {
  const [, stem = name, ending = ''] = /^(.+?)(\.[^.]*)?$/s.exec(name) ?? []
  return `${stem}-${i}${ending}`
}

/**
 * @param {Blob} a
 * @param {Blob} b
 */
async function isSame(a, b) {
  return a === b || (a.size === b.size && (await dataUri(a)) === (await dataUri(b)))
}

/**
 * A text cut at the marks of files.
 * @param {string} text
 * @param {ReadonlyMap<string, NamedFile>} files by mark
 * @returns {(string | NamedFile)[]}
 */
export function cutAtFiles(text, files) {
  if (files.size === 0) return [text]
  const pieces = text.split(new RegExp(`(${[...files.keys()].join('|')})`))
  return pieces.map((piece) => files.get(piece) ?? piece)
}
