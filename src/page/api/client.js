/** Requests to this server's API: the key, and failures in one form. */
import { Store } from '../store.js'

/** @typedef {import('../types.d.ts').Failure} Failure */

const KEY = 'aerie.key'

/** The API key, of this tab alone: it is gone with it, and stands in nothing that can be copied. */
export const apiKey = new Store(sessionStorage.getItem(KEY) ?? '')
apiKey.watch((key) => {
  if (key === '') sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, key)
})

/** Whether the server answers; while it does not, it is asked again from time to time. */
export const isReachable = new Store(true)

/** Whether the server has refused a request for want of a key that it knows. */
export const keyWanted = new Store(false)

export class ApiError extends Error {
  /** @param {Failure} failure */
  constructor(failure) {
    super(failure.message)
    this.failure = failure
  }
}

/**
 * Any failure in the form that is shown; a request that was stopped has none.
 * @param {unknown} error
 * @returns {Failure}
 */
export function failureOf(error) {
  if (error instanceof ApiError) return error.failure
  const message = error instanceof Error ? error.message : String(error)
  const none = { param: undefined, requestId: undefined, status: undefined }
  // What `fetch` and a broken stream throw.
  if (error instanceof TypeError) return { ...none, code: 'unreachable', message }
  return { ...none, code: 'page_error', message }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @param {(path: string, init: RequestInit & { readonly headers: Headers }) => Promise<Response>} [send]
 * @returns {Promise<Response>} of a success; anything else rejects with {@link ApiError}
 */
export async function call(path, init = {}, send = fetch) {
  const headers = new Headers(init.headers)
  const key = apiKey.get()
  if (key !== '') headers.set('authorization', `Bearer ${key}`)
  const response = await send(path, { ...init, headers }).catch((error) => {
    if (init.signal?.aborted) throw error
    isReachable.set(false)
    throw new ApiError(failureOf(error))
  })
  isReachable.set(true)
  // What is said of a key that was changed in the meantime is of no interest.
  const isCurrent = key === apiKey.get()
  if (response.ok) {
    if (isCurrent) keyWanted.set(false)
    return response
  }
  if (response.status === 401 && isCurrent) keyWanted.set(true)
  throw new ApiError(await readFailure(response))
}

/**
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 */
export function post(path, body, signal) {
  return call(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  })
}

/**
 * The error envelope; a proxy in between has none.
 * @param {Response} response
 * @returns {Promise<Failure>}
 */
async function readFailure(response) {
  const requestId = response.headers.get('x-request-id') ?? undefined
  const { status, headers } = response
  const body = await response.json().catch(() => undefined)
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  const retryAt = seconds > 0 ? Date.now() + seconds * 1000 : undefined
  return {
    ...envelope(body, `No reason was given, but status ${status}.`),
    requestId,
    status,
    retryAt,
  }
}

/**
 * @param {unknown} body `{ error: { code, message, param } }`
 * @param {string} [unsaid] what is told where there is no message
 * @returns {Pick<Failure, 'code' | 'message' | 'param'>}
 */
export function envelope(body, unsaid = 'The server gave no reason.') {
  const error = body && typeof body === 'object' && 'error' in body ? body.error : undefined
  /** @type {Partial<Record<string, unknown>>} */
  const { code, message, param } = error && typeof error === 'object' ? { ...error } : {}
  return {
    code: typeof code === 'string' ? code : 'unknown',
    message: typeof message === 'string' ? message : unsaid,
    param: typeof param === 'string' ? param : undefined,
  }
}
