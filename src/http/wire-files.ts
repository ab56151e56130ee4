/** Files → wire, and queries and forms → what the file room asks for. */
import type { FilePage, FileQuery, NewFile, StoredFile } from '../files/contract.ts'
import type { WireRequests } from './contract.ts'
import type { components } from './openapi.d.ts'

type Wire = components['schemas']

const MOST_FILES = 1000

export function toWireFile(file: StoredFile): Wire['File'] {
  const { id, bytes, createdAt, expiresAt, filename, purpose } = file
  return {
    ...{ id, object: 'file', bytes, created_at: createdAt },
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
    ...{ filename, purpose, status: 'processed' },
  }
}

export function toWireFileList({ files, hasMore }: FilePage): Wire['FileList'] {
  return {
    object: 'list',
    data: files.map(toWireFile),
    first_id: files[0]?.id ?? null,
    last_id: files.at(-1)?.id ?? null,
    has_more: hasMore,
  }
}

/** Texts of a query as the values that the contract checks. */
export function fromQueryText(query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { limit } = query
  const isNumber = typeof limit === 'string' && /^-?\d{1,15}$/.test(limit)
  return { ...query, ...(isNumber && { limit: Number(limit) }) }
}

export function toFileQuery(wire: WireRequests['FileListQuery'], tenant: string): FileQuery {
  const { after, limit = MOST_FILES, order = 'desc', purpose } = wire
  return { tenant, after, limit, order, purpose }
}

export function toNewFile(wire: WireRequests['FileUploadRequest']): NewFile {
  const { file: filename, purpose, expires_after: expiry } = wire
  return { filename, purpose, expiresAfterSeconds: expiry?.seconds }
}
