/** A model repository of a hub at one commit: its files with their sizes and digests. */
import { HubApiError, listFiles, modelInfo } from '@huggingface/hub'
import { AerieError } from '../errors.ts'
import { failed, type HubClient } from './hub-client.ts'
import { isCommit } from './hub-id.ts'

export interface HubFile {
  readonly path: string
  readonly bytes: number
  /** SHA-256 of a large file; others have git's own digest. */
  readonly digest:
    | { readonly kind: 'sha256'; readonly hex: string }
    | { readonly kind: 'git-sha1'; readonly hex: string }
}

export interface Repository {
  /** `owner/name`. */
  readonly id: string
  /** Full hash of the commit; whatever is fetched is of that one. */
  readonly revision: string
  readonly files: ReadonlyMap<string, HubFile>
}

const MOST_FILES = 20_000

/** Pins a branch, tag or commit (absent: `main`) and lists its files. Rejects with `download_failed`. */
export async function openRepository(
  client: HubClient,
  id: string,
  revision = 'main',
): Promise<Repository> {
  const hub = { hubUrl: client.endpoint, fetch: client.fetchJson }
  try {
    const { sha } = await modelInfo({ ...hub, name: id, revision, additionalFields: ['sha'] })
    if (typeof sha !== 'string' || !isCommit(sha))
      throw failed(`${id}: the hub names no commit for revision ${revision}`)
    const files = new Map<string, HubFile>()
    let seen = 0
    for await (const entry of listFiles({ ...hub, repo: id, revision: sha, recursive: true })) {
      if (++seen > MOST_FILES) throw failed(`${id} has more than ${MOST_FILES} files`)
      if (entry.type === 'file') files.set(entry.path, readEntry(id, entry))
    }
    return { id, revision: sha, files }
  } catch (cause) {
    client.signal?.throwIfAborted()
    if (cause instanceof AerieError) throw cause
    // The library reads answers without looking at them first.
    const reason = cause instanceof HubApiError ? `status ${cause.statusCode}` : String(cause)
    throw failed(`${id}: the hub's answer is not as documented: ${reason}`, cause)
  }
}

function readEntry(
  id: string,
  entry: { path: string; size: number; oid?: string; lfs?: object },
): HubFile {
  const { path, oid } = entry
  const lfs = entry.lfs as { readonly oid?: unknown; readonly size?: unknown } | undefined
  const bytes = lfs?.size ?? entry.size
  const hex = lfs ? lfs.oid : oid
  const isHex = typeof hex === 'string' && (lfs ? /^[0-9a-f]{64}$/.test(hex) : isCommit(hex))
  if (typeof path !== 'string' || !Number.isSafeInteger(bytes) || (bytes as number) < 0 || !isHex)
    throw failed(`${id}: the hub lists ${JSON.stringify(path)} without a size or digest`)
  return { path, bytes: bytes as number, digest: { kind: lfs ? 'sha256' : 'git-sha1', hex } }
}
