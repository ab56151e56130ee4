/**
 * Requests to a hub: the token goes to the hub's own origin alone, what fails for the moment is tried again, and nothing is
 * waited for without end.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { HUB_URL } from '@huggingface/hub'
import { AerieError } from '../errors.ts'

export interface HubAccess {
  /** Base URL; absent: the public hub. */
  readonly endpoint?: string | undefined
  readonly token?: string | undefined
}

export interface HubTimes {
  /** Until the answer's head has come. */
  readonly headMs: number
  /** Between two pieces of a body. */
  readonly idleMs: number
  /** Before the first new try; doubled with each. */
  readonly retryMs: number
  /** Longest wait that a hub may ask for. */
  readonly longestRetryMs: number
  /** Tries without any progress. */
  readonly attempts: number
}

const TIMES: HubTimes = {
  headMs: 30_000,
  idleMs: 60_000,
  retryMs: 500,
  longestRetryMs: 120_000,
  attempts: 6,
}
/** A list of a repository's files takes some hundred bytes a file. */
const MOST_JSON_BYTES = 32 * 2 ** 20

/** A request that may succeed a little later. */
export class TryAgain extends Error {
  override readonly name = 'TryAgain'
  readonly afterMs: number | undefined

  constructor(message: string, options: { afterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.afterMs = options.afterMs
  }
}

export class HubClient {
  readonly endpoint: string
  readonly times: HubTimes
  readonly signal: AbortSignal | undefined
  readonly #token: string | undefined

  constructor(access: HubAccess, signal?: AbortSignal, times: Partial<HubTimes> = {}) {
    this.endpoint = (access.endpoint ?? HUB_URL).replace(/\/+$/, '')
    this.#token = access.token
    this.times = { ...TIMES, ...times }
    this.signal = signal
  }

  /**
   * One request, not repeated; the body is still to be read. Rejects with `TryAgain` for 408, 429, 5xx and a broken
   * connection, with `download_failed` for other failures.
   */
  async request(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const target = new URL(url, this.endpoint)
    const isOwn = target.origin === new URL(this.endpoint).origin
    const timeout = AbortSignal.timeout(this.times.headMs)
    const head = new AbortController()
    const abort = () => head.abort(timeout.reason)
    timeout.addEventListener('abort', abort)
    let response: Response
    try {
      response = await fetch(target, {
        headers: {
          ...headers,
          // fetch itself drops it where a redirect leads to another origin.
          ...(isOwn && this.#token ? { authorization: `Bearer ${this.#token}` } : {}),
        },
        signal: this.signal ? AbortSignal.any([this.signal, head.signal]) : head.signal,
      })
    } catch (cause) {
      this.signal?.throwIfAborted()
      throw new TryAgain(`${target.origin} does not answer: ${reasonOf(cause)}`, { cause })
    } finally {
      timeout.removeEventListener('abort', abort)
    }
    if (response.ok) {
      // A download over TLS stays one.
      if (target.protocol === 'https:' && !response.url.startsWith('https:')) {
        await response.body?.cancel()
        throw failed(`${target.href} leads to ${new URL(response.url).origin}, which is no https`)
      }
      return response
    }
    await response.body?.cancel()
    const { status } = response
    if (status === 408 || status === 429 || status >= 500)
      throw new TryAgain(`${target.origin} answers ${status}`, { afterMs: retryAfter(response) })
    throw failed(refusal(status, target.href, this.endpoint), status)
  }

  /** A `fetch` for `@huggingface/hub`: small JSON bodies, whole or not at all. */
  readonly fetchJson: typeof fetch = async (input, init) => {
    const url = String(input)
    if (new URL(url).origin !== new URL(this.endpoint).origin)
      throw failed(`the list of files goes on at ${new URL(url).origin}, which is another host`)
    return await this.persist(async () => {
      const response = await this.request(url, headersOf(init))
      const chunks: Uint8Array[] = []
      let size = 0
      for await (const chunk of this.bodyOf(response)) {
        size += chunk.byteLength
        if (size > MOST_JSON_BYTES)
          throw failed(`${url} sends more than ${MOST_JSON_BYTES} bytes of JSON`)
        chunks.push(chunk)
      }
      return new Response(Buffer.concat(chunks), { headers: response.headers })
    })
  }

  /** The pieces of a body. Rejects with `TryAgain` when it breaks off or stands still. */
  async *bodyOf(response: Response): AsyncGenerator<Uint8Array> {
    const reader = response.body?.getReader()
    if (!reader) return
    try {
      while (true) {
        const { done, value } = await within(this.times.idleMs, reader.read())
        if (done) return
        yield value
      }
    } catch (cause) {
      this.signal?.throwIfAborted()
      if (cause instanceof AerieError || cause instanceof TryAgain) throw cause
      throw new TryAgain(`the connection broke: ${reasonOf(cause)}`, { cause })
    } finally {
      // What is left is not wanted; a broken body has nothing left to say.
      reader.cancel().catch(() => undefined)
    }
  }

  /** Repeats what fails with `TryAgain`, until it fails too often without progress. `progress` changes when there is some. */
  async persist<T>(action: () => Promise<T>, progress: () => unknown = () => 0): Promise<T> {
    let last = progress()
    for (let attempt = 1; ; attempt++) {
      try {
        return await action()
      } catch (error) {
        if (!(error instanceof TryAgain)) throw error
        if (progress() !== last) {
          last = progress()
          attempt = 1
        }
        const { attempts, retryMs, longestRetryMs } = this.times
        const wait = error.afterMs ?? retryMs * 2 ** (attempt - 1) * (1 + Math.random() / 4)
        if (attempt >= attempts || wait > longestRetryMs) {
          const after = wait > longestRetryMs ? `; try again in ${Math.ceil(wait / 1000)} s` : ''
          throw new AerieError('download_failed', `${error.message}, ${attempt} times${after}`, {
            cause: error,
          })
        }
        await delay(wait, undefined, this.signal ? { signal: this.signal } : {})
      }
    }
  }
}

export function failed(message: string, cause?: unknown): AerieError {
  return new AerieError('download_failed', message, { cause })
}

function refusal(status: number, url: string, endpoint: string): string {
  const where = `${url} (status ${status})`
  if (status === 401)
    return `${where}: there is no such repository, or it needs a token: set HF_TOKEN`
  if (status === 403)
    return `${where}: the token in HF_TOKEN may not read it; gated models are asked for on their page at ${endpoint}`
  if (status === 404) return `${where}: there is no such repository, revision or file`
  return `${where}: refused`
}

/** Milliseconds that the answer asks to wait: seconds or a date. */
function retryAfter(response: Response): number | undefined {
  const text = response.headers.get('retry-after')
  if (text === null) return undefined
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

function headersOf(init: RequestInit | undefined): Record<string, string> {
  return Object.fromEntries(new Headers(init?.headers))
}

/** The outermost message of fetch says only that it failed. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.message !== '' ? cause.message : message
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TryAgain(`nothing came for ${ms / 1000} s`)), ms)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
