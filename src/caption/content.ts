/** The bytes of a clip, from a file or a URL, hashed on their way. */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { fetch } from 'undici'
import { sniff } from '../media/sniff.ts'
import { ClipFailure, isUrl } from './job.ts'
import type { FileState } from './ledger.ts'

const HEAD_BYTES = 4096
/** To the answer's head, and between two pieces of its body. */
const URL_PATIENCE_MS = 30_000

export interface Content extends AsyncDisposable {
  /** By the first bytes: pictures are seen whole, all else is for the server to judge. */
  readonly isPicture: boolean
  /** Undefined where the other side did not say. */
  readonly bytes: number | undefined
  /** Once. Throws ClipFailure when the source fails or has another length than it said. */
  read(): AsyncGenerator<Uint8Array>
  /** Hex, of what was read; when all was. */
  sha256(): string
}

/** State of a local file. Rejects with ClipFailure for what is no file, or cannot be looked at. */
export async function fileState(path: string): Promise<FileState> {
  const found = await stat(path).catch(cannotRead)
  if (!found.isFile()) throw new ClipFailure('unreadable', 'expected a file')
  return { bytes: found.size, modified: Math.trunc(found.mtimeMs) }
}

/** Hex SHA-256 of a file. Rejects with ClipFailure. */
export async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  await using content = await openFile(path)
  for await (const _ of content.read()) signal.throwIfAborted()
  return content.sha256()
}

/** Opens the source. Rejects with ClipFailure: `unreadable`, `invalid_media` for nothing at all, `media_fetch_failed`. */
export async function openContent(source: string, signal: AbortSignal): Promise<Content> {
  return isUrl(source) ? openUrl(source, signal) : openFile(source)
}

async function openFile(path: string): Promise<Content> {
  await fileState(path)
  // Not to wait for ever, should it have become a pipe meanwhile.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(cannotRead)
  const close = () => file.close()
  try {
    const { size } = await file.stat()
    const chunks = async function* () {
      for (let at = 0; at < size; ) {
        const piece = Buffer.allocUnsafe(Math.min(256 * 1024, size - at))
        const { bytesRead } = await file.read(piece, 0, piece.length, at).catch(cannotRead)
        if (bytesRead === 0)
          throw new ClipFailure(
            'unreadable',
            `it became shorter while it was read: ${at} bytes of ${size}`,
          )
        at += bytesRead
        yield piece.subarray(0, bytesRead)
      }
    }
    return await contentOf(chunks(), size, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function openUrl(url: string, signal: AbortSignal): Promise<Content> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), URL_PATIENCE_MS)
  const failed = (error: unknown): never => {
    signal.throwIfAborted()
    if (error instanceof ClipFailure) throw error
    const reason = abort.signal.aborted
      ? `nothing came for ${URL_PATIENCE_MS / 1000} s`
      : reasonOf(error as Error)
    throw new ClipFailure('media_fetch_failed', reason)
  }
  const close = async () => {
    clearTimeout(timer)
    abort.abort()
  }
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, abort.signal]) })
    if (!response.ok || response.body === null) {
      const isPassing = response.status >= 500 || response.status === 429
      throw new ClipFailure(
        isPassing ? 'media_fetch_failed' : 'media_refused',
        `answered ${response.status}`,
      )
    }
    // What was packed on its way has another length when it is unpacked.
    const isPlain = response.headers.get('content-encoding') === null
    const length = isPlain ? response.headers.get('content-length') : null
    const { body } = response
    const chunks = async function* () {
      try {
        for await (const piece of body) {
          timer.refresh()
          yield piece as Uint8Array
        }
      } catch (error) {
        failed(error)
      }
    }
    return await contentOf(chunks(), length === null ? undefined : Number(length), close)
  } catch (error) {
    try {
      return failed(error)
    } finally {
      // Only now: an abort of ours would look as if nothing had come.
      await close()
    }
  }
}

async function contentOf(
  chunks: AsyncGenerator<Uint8Array>,
  bytes: number | undefined,
  close: () => Promise<void>,
): Promise<Content> {
  const first: Uint8Array[] = []
  let head = 0
  while (head < HEAD_BYTES) {
    const { value, done } = await chunks.next()
    if (done) break
    first.push(value)
    head += value.byteLength
  }
  if (head === 0) throw new ClipFailure('invalid_media', 'it is empty')
  const found = sniff(Buffer.concat(first).subarray(0, HEAD_BYTES))
  const digest = createHash('sha256')
  return {
    isPicture: found.is === 'picture',
    bytes,
    async *read() {
      for (const piece of first) {
        digest.update(piece)
        yield piece
      }
      for await (const piece of chunks) {
        digest.update(piece)
        yield piece
      }
    },
    sha256: () => digest.digest('hex'),
    [Symbol.asyncDispose]: close,
  }
}

function cannotRead(error: NodeJS.ErrnoException): never {
  const reason = error.code === 'ENOENT' ? 'it is not there (any more)' : error.message
  throw new ClipFailure('unreadable', reason)
}

/** What lies under a failed fetch says more than it does. */
function reasonOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message
}
