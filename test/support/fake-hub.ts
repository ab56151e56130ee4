/** A hub of our own on loopback that serves a folder as one repository, and misbehaves as a test asks it to. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const COMMIT = 'c0ffee'.padEnd(40, '0')
export const REPOSITORY = 'owner/tiny'

export interface FakeHub {
  readonly url: string
  /** `path` or `path range` of every request for a file's content. */
  readonly fetched: string[]
  /** Every request: path and authorization. */
  readonly seen: { readonly path: string; readonly authorization: string | undefined }[]
  close(): Promise<void>
}

export interface Misbehaviour {
  /** Answers a request instead of the hub when it returns true. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** What is said about a file in the list. */
  readonly list?: (path: string, entry: Record<string, unknown>) => Record<string, unknown>
  /** The bytes that are really sent. */
  readonly content?: (path: string, bytes: Buffer) => Buffer
  /** Files that are served by another origin, to which the hub redirects. */
  readonly redirectTo?: string
}

export async function startFakeHub(
  files: ReadonlyMap<string, Buffer>,
  { intercept, list, content, redirectTo }: Misbehaviour = {},
): Promise<FakeHub> {
  const fetched: string[] = []
  const seen: FakeHub['seen'][number][] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://hub')
    seen.push({ path: url.pathname, authorization: request.headers.authorization })
    if (intercept?.(request, response)) return
    const api = `/api/models/${REPOSITORY}`
    if (url.pathname.startsWith(`${api}/revision/`)) {
      return sendJson(response, {
        _id: '1',
        id: REPOSITORY,
        sha: COMMIT,
        lastModified: '2026-01-01',
      })
    }
    if (url.pathname.startsWith(`${api}/tree/${COMMIT}`)) {
      const entries = [...files].map(([path, bytes]) => {
        const entry = entryOf(path, bytes)
        return list?.(path, entry) ?? entry
      })
      return sendJson(response, entries)
    }
    const prefix = `/${REPOSITORY}/resolve/${COMMIT}/`
    const path = decodeURIComponent(url.pathname.slice(prefix.length))
    const bytes = url.pathname.startsWith(prefix) ? files.get(path) : undefined
    if (!bytes) {
      response.writeHead(404).end()
      return
    }
    if (redirectTo) {
      response.writeHead(302, { location: redirectTo + url.pathname }).end()
      return
    }
    const { range } = request.headers
    fetched.push(range ? `${path} ${range}` : path)
    sendFile(response, content?.(path, bytes) ?? bytes, range)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fetched,
    seen,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export function sendFile(response: ServerResponse, bytes: Buffer, range?: string): void {
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  const part = bytes.subarray(start)
  response.writeHead(range ? 206 : 200, {
    'content-length': part.length,
    ...(range && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  })
  response.end(part)
}

/** Weights are large files with a SHA-256, the others have git's digest. */
function entryOf(path: string, bytes: Buffer): Record<string, unknown> {
  const blob = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return {
    type: 'file',
    path,
    size: bytes.length,
    oid: blob,
    ...(/\.(?:safetensors|gguf)$/.test(path) && {
      lfs: { oid: sha256, size: bytes.length, pointerSize: 130 },
    }),
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
