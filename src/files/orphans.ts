/** What a crash leaves: bytes that no record tells of, and records whose bytes are gone. */
import type { BlobEntry, BlobStore } from './blob-store.ts'
import type { FileRecord, FileRecords } from './file-records.ts'

export interface Orphans {
  /** Blobs, and pieces of uploads, that were removed. */
  readonly blobs: number
  /** Records that were removed. */
  readonly records: readonly FileRecord[]
}

/** Blobs or records looked at in one call of the database. */
const PAGE = 500

/**
 * Removes both kinds, as far as they were last touched before `before` (milliseconds since 1970): what is younger may be an
 * upload that another server is receiving.
 */
export async function collectOrphans(
  records: FileRecords,
  blobs: BlobStore,
  before: number,
): Promise<Orphans> {
  const sizes = new Map<string, number>()
  let removed = 0
  let page: BlobEntry[] = []
  const settle = async () => {
    const known = new Set(await records.known(page.map(({ key }) => key)))
    const orphans = page.filter(({ key, touchedAt }) => !known.has(key) && touchedAt < before)
    for (const { key } of orphans) await blobs.delete(key)
    removed += orphans.length
    page = []
  }
  for await (const entry of blobs.list()) {
    if (entry.bytes !== undefined) sizes.set(entry.key, entry.bytes)
    page.push(entry)
    if (page.length === PAGE) await settle()
  }
  await settle()
  return { blobs: removed, records: await removeRecords(records, sizes, before) }
}

/** Records older than `before` whose blob is not among `sizes`, or is not as large as it was. */
async function removeRecords(
  records: FileRecords,
  sizes: ReadonlyMap<string, number>,
  before: number,
): Promise<FileRecord[]> {
  const removed: FileRecord[] = []
  for (let after = ''; ; ) {
    const page = await records.blobs(after, PAGE)
    for (const record of page) {
      const { id, tenant, blob, bytes, createdAt } = record
      if (sizes.get(blob) === bytes || createdAt * 1000 >= before) continue
      if (await records.remove(tenant, id, 0)) removed.push(record)
    }
    const last = page.at(-1)
    if (!last || page.length < PAGE) return removed
    after = last.id
  }
}
