/** What a crash leaves: bytes that no record tells of, and records whose bytes are gone. */
import type { BlobEntry, BlobStore, UnfinishedEntry } from './blob-store.ts'
import type { FileRecord, FileRecords } from './file-records.ts'

export interface Orphans {
  /** Blobs, and pieces of uploads, that were removed. */
  readonly blobs: number
  /** Records that were removed. */
  readonly records: readonly FileRecord[]
}

interface Room {
  readonly records: FileRecords
  readonly blobs: BlobStore
  /** Milliseconds since 1970. What was touched since then is most likely an upload that another server is receiving. */
  readonly before: number
  /** Unix seconds. */
  readonly now: number
}

/** Blobs or records looked at in one call of the database. */
const PAGE = 500
/** Behind every key. */
const END = 'g'

/** Removes both kinds. Blobs and records are gone through side by side in the order of keys, a page of each at a time. */
export async function collectOrphans(room: Room): Promise<Orphans> {
  const records: FileRecord[] = []
  let blobs = 0
  let after = ''
  for await (const page of pagesOf(room.blobs.list())) {
    blobs += await removeOrphans(room, page)
    const last = page.at(-1)!.key
    records.push(...(await removeLost(room, { after, to: last }, page)))
    after = last
  }
  records.push(...(await removeLost(room, { after, to: END }, [])))
  for await (const page of pagesOf(room.blobs.unfinished()))
    blobs += await removeOrphans(room, page)
  return { blobs, records }
}

async function removeOrphans(
  { records, blobs, before, now }: Room,
  page: readonly UnfinishedEntry[],
): Promise<number> {
  const known = new Set(await records.known(page.map(({ key }) => key)))
  const left = page.filter(({ key, touchedAt }) => !known.has(key) && touchedAt < before)
  if (left.length === 0) return 0
  const condemned = await records.condemn(
    left.map(({ key }) => key),
    now,
  )
  for (const key of condemned) await blobs.delete(key)
  return condemned.length
}

/**
 * Removes the records between two keys whose blob is not on the page that goes from one to the other, or is not as large as
 * it was. A blob is finished before it has a record, so one that is not there now, though its record is, never comes.
 */
async function removeLost(
  { records, blobs }: Room,
  { after, to }: { readonly after: string; readonly to: string },
  page: readonly BlobEntry[],
): Promise<FileRecord[]> {
  const sizes = new Map(page.map(({ key, bytes }) => [key, bytes]))
  const removed: FileRecord[] = []
  for (let from = after; ; ) {
    const some = await records.byBlob(from, to, PAGE)
    for (const record of some) {
      const { id, tenant, blob, bytes } = record
      if (sizes.get(blob) === bytes || (await blobs.size(blob)) === bytes) continue
      if (await records.remove(tenant, id, 0)) removed.push(record)
    }
    if (some.length < PAGE) return removed
    from = some.at(-1)!.blob
  }
}

async function* pagesOf<T>(entries: AsyncIterable<T>): AsyncGenerator<T[]> {
  let page: T[] = []
  for await (const entry of entries) {
    page.push(entry)
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}
