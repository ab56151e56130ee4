/** What a drop carries: files, and those of folders. */

/** Of one drop; a home directory would never end. */
const MOST_FILES = 1000

/**
 * @param {DataTransfer} transfer as of the event, which has to be read before it is over
 * @returns {Promise<readonly File[]>} without hidden files
 */
export async function filesOf(transfer) {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry?.() ?? [])
  // A browser that tells nothing of folders, or a drop that is none of a person.
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files]
  /** @type {File[]} */
  const files = []
  for (const entry of entries) await gather(entry, files)
  return files
}

/**
 * @param {FileSystemEntry} entry
 * @param {File[]} files what was found so far
 */
async function gather(entry, files) {
  if (files.length >= MOST_FILES || entry.name.startsWith('.')) return
  if (entry.isFile) {
    files.push(await fileOf(/** @type {FileSystemFileEntry} */ (entry)))
    return
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader()
  // A hundred at a time, until there are none.
  for (;;) {
    const entries = await entriesOf(reader)
    if (entries.length === 0) return
    for (const one of entries.sort((a, b) => a.name.localeCompare(b.name))) await gather(one, files)
  }
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject))
}

/**
 * @param {FileSystemDirectoryReader} reader
 * @returns {Promise<FileSystemEntry[]>}
 */
function entriesOf(reader) {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject))
}
