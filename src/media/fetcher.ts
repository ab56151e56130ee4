/** The one place that fetches what a client names: every hop checked, connected to the very addresses that were checked. */
import type { LookupFunction } from 'node:net'
import { isIPv6 } from 'node:net'
import { pipeline, type Readable } from 'node:stream'
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib'
import type { Dispatcher } from 'undici'
import { AerieError } from '../errors.ts'
import { isPrivateAddress, isPublicAddress } from './address.ts'
import { checkUrl } from './fetch-target.ts'
import { cancelled } from './gate.ts'
import { type ResolveHost, resolvePrivateHost, resolvePublicHost } from './resolve-host.ts'
import type { FetchLimits } from './types.ts'

export interface FetcherOptions {
  readonly limits: FetchLimits
  readonly maxBytes: number
  /** What is fetched and which keys bound it; default pictures. */
  readonly words?: FetchWords
  /** Default: DNS, or the system's resolver where private addresses are allowed. */
  readonly resolve?: ResolveHost
  /** Default: `isPublicAddress`, and `isPrivateAddress` where private ones are allowed. */
  readonly isAllowed?: (address: string) => boolean
}

export interface FetchWords {
  /** In messages. */
  readonly subject: string
  readonly maxBytes: string
  readonly timeout: string
  /** The `Accept` header. */
  readonly accept: string
}

const PICTURES: FetchWords = {
  subject: 'image',
  maxBytes: 'maxImageBytes',
  timeout: 'fetchTimeoutMs',
  accept: 'image/*',
}

export interface FetchRequest {
  /** The request field, for messages. */
  readonly param: string
  readonly signal: AbortSignal
  /** Takes every piece as it comes, the next one afterwards; may throw to stop. */
  readonly onPiece: (piece: Uint8Array) => void | Promise<void>
}

/** Resolves when all pieces were taken. */
export type Fetcher = (url: string, request: FetchRequest) => Promise<void>

/** Where one visit to one URL sent us; nowhere, if it gave the bytes. */
interface Visit {
  readonly location?: string
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Names in `Content-Encoding`, though we ask for none. */
const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/**
 * A function that fetches an http(s) URL. It throws `media_fetch_failed` for whatever goes wrong on the way,
 * `media_too_large` beyond `maxBytes`, and `cancelled`. Messages name rules, never addresses.
 */
export function createFetcher(options: FetcherOptions): Fetcher {
  const { limits, words = PICTURES } = options
  return async (text, request) => {
    const { param } = request
    const timeout = AbortSignal.timeout(limits.timeoutMs)
    const signal = AbortSignal.any([request.signal, timeout])
    try {
      let url = checkUrl(text, limits, param)
      for (let hop = 0; ; hop++) {
        const visit = await visitUrl(url, options, { ...request, signal })
        if (visit.location === undefined) return
        if (hop === limits.maxRedirects) {
          throw failed(param, `more than ${limits.maxRedirects} redirects (fetchMaxRedirects)`)
        }
        if (!URL.canParse(visit.location, url)) throw failed(param, 'redirect to no valid URL')
        url = checkUrl(new URL(visit.location, url).href, limits, param)
      }
    } catch (error) {
      if (request.signal.aborted) throw cancelled()
      if (timeout.aborted) {
        throw failed(param, `not fetched within ${limits.timeoutMs} ms (${words.timeout})`)
      }
      throw networkError(error, param)
    }
  }
}

async function visitUrl(url: URL, options: FetcherOptions, request: FetchRequest): Promise<Visit> {
  const addresses = await allowedAddresses(url.hostname, options, request)
  // Only here: it is a megabyte of source, and many servers never fetch anything.
  const { Client } = await import('undici')
  const client = new Client(url.origin, {
    connect: { lookup: pinned(addresses), timeout: options.limits.timeoutMs },
    autoSelectFamily: true,
    allowH2: false,
    pipelining: 0,
  })
  try {
    const response = await client.request({
      method: 'GET',
      path: url.pathname + url.search,
      headers: {
        accept: (options.words ?? PICTURES).accept,
        'accept-encoding': 'identity',
        'user-agent': 'aerie',
      },
      signal: request.signal,
    })
    return await readResponse(response, options, request)
  } finally {
    await client.destroy()
  }
}

/** Resolves once; all addresses must be allowed, so that a mixed answer gets nobody in. */
async function allowedAddresses(
  host: string,
  { limits, resolve, isAllowed }: FetcherOptions,
  { param, signal }: FetchRequest,
): Promise<readonly string[]> {
  const find = resolve ?? (limits.allowPrivateAddresses ? resolvePrivateHost : resolvePublicHost)
  const aborted = new Promise<never>((_, reject) => {
    signal.throwIfAborted()
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  const addresses = await Promise.race([find(host, signal), aborted])
  if (addresses.length === 0) throw failed(param, 'the host name could not be resolved')
  const isReachable = (address: string) =>
    isPublicAddress(address) || (limits.allowPrivateAddresses && isPrivateAddress(address))
  if (!addresses.every(isAllowed ?? isReachable)) {
    const what = limits.allowPrivateAddresses ? 'neither public nor private' : 'not public'
    throw failed(param, `the host's address is ${what}`)
  }
  return addresses
}

/** A lookup that asks nobody: whatever a name server says a moment later, the connection goes where we looked. */
function pinned(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
  return (_host, options, done) => {
    if (options.all) done(null, found)
    else done(null, found[0]!.address, found[0]!.family)
  }
}

async function readResponse(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  { maxBytes, words = PICTURES }: FetcherOptions,
  { param, onPiece }: FetchRequest,
): Promise<Visit> {
  if (REDIRECTS.has(statusCode)) {
    const location = headers['location']
    if (typeof location !== 'string') throw failed(param, 'redirect without a location')
    return { location }
  }
  if (statusCode !== 200) throw failed(param, `the host answered with status ${statusCode}`)
  const tooLarge = (size: string) => {
    const message = `${param}: ${words.subject} is ${size}, ${words.maxBytes} is ${maxBytes}`
    return new AerieError('media_too_large', message, { param })
  }
  if (Number(headers['content-length']) > maxBytes) {
    throw tooLarge(`${headers['content-length']} bytes`)
  }
  let length = 0
  for await (const piece of decoded(
    body,
    String(headers['content-encoding'] ?? 'identity'),
    param,
  )) {
    length += piece.byteLength
    if (length > maxBytes) throw tooLarge(`more than ${maxBytes} bytes`)
    await onPiece(piece)
  }
  return {}
}

function decoded(body: Readable, encoding: string, param: string): AsyncIterable<Buffer> {
  const name = encoding.trim().toLowerCase()
  if (name === 'identity' || name === '') return body
  const decoder = DECODERS[name]?.()
  if (!decoder) throw failed(param, 'the host answered in an encoding that nobody asked for')
  // Errors of either stream come out of the last one, which is being read.
  return pipeline(body, decoder, () => {})
}

function failed(param: string, why: string, cause?: unknown): AerieError {
  return new AerieError('media_fetch_failed', `${param}: ${why}`, { param, cause })
}

/** Failures of the network have a code of letters; anything else is a defect and stays one. */
function networkError(error: unknown, param: string): unknown {
  if (error instanceof AerieError || !(error instanceof Error) || !('code' in error)) return error
  const { code } = error
  if (typeof code !== 'string') return error
  if (/CERT|TLS|SSL/.test(code))
    return failed(param, "the host's TLS certificate is not accepted", error)
  if (/^(Z|ERR_(BROTLI|ZSTD|_ZSTD|_BROTLI))/.test(code)) {
    return failed(param, "the host's answer is damaged", error)
  }
  // Of undici, once it is connected: half an answer is not one of a host that nobody reached.
  if (/^UND_ERR_(SOCKET|RES_CONTENT_LENGTH_MISMATCH)$/.test(code)) {
    return failed(param, 'the connection broke off', error)
  }
  return failed(param, 'the host could not be reached', error)
}
