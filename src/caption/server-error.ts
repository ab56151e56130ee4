/** What can go wrong between this command and a server, and what then becomes of a run. */

/** An answer other than 2xx. */
export class ServerRefusal extends Error {
  override readonly name = 'ServerRefusal'
  readonly status: number
  /** Of our error list; `http_502` and the like for what answered in a server's place. */
  readonly code: string
  readonly param: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(status: number, body: string, headers: Readonly<Record<string, unknown>>) {
    const { error } = envelope(body)
    super(error?.message ?? `status ${status}`)
    this.status = status
    this.code = error?.code ?? `http_${status}`
    this.param = error?.param ?? undefined
    this.retryAfterMs = milliseconds(headers)
  }
}

/** No answer: nobody listens, the connection broke, or nothing came for longer than any request may take. */
export class ServerLost extends Error {
  override readonly name = 'ServerLost'
}

/**
 * What to do about a failure:
 * `clip`: this one cannot be captioned. `again`: it may be passing, so a few more times. `busy`: the server has too much to do, or too
 * little room. `gone`: it is not there. `run`: every clip would fail like this.
 */
export type Verdict = 'clip' | 'again' | 'busy' | 'gone' | 'run'

const VERDICTS: Readonly<Record<string, Verdict>> = {
  queue_full: 'busy',
  rate_limit_exceeded: 'busy',
  insufficient_storage: 'busy',
  shutting_down: 'gone',
  not_ready: 'gone',
  http_502: 'gone',
  http_503: 'gone',
  http_504: 'gone',
  internal_error: 'again',
  backend_failure: 'again',
  storage_failure: 'again',
  request_timeout: 'again',
  media_fetch_failed: 'again',
  http_500: 'again',
  http_429: 'busy',
  invalid_api_key: 'run',
  host_not_allowed: 'run',
  model_not_found: 'run',
  method_not_allowed: 'run',
  unknown_parameter: 'run',
  unsupported_parameter: 'run',
  http_401: 'run',
  http_403: 'run',
  http_404: 'run',
  http_405: 'run',
}

export function verdictOf(error: ServerRefusal | ServerLost): Verdict {
  if (error instanceof ServerLost) return 'gone'
  // Without a time the request asks for more than the key may ever use.
  if (error.code === 'rate_limit_exceeded' && error.retryAfterMs === undefined) return 'clip'
  return VERDICTS[error.code] ?? 'clip'
}

interface Envelope {
  readonly error?: {
    readonly message?: string
    readonly code?: string | null
    readonly param?: string | null
  }
}

function envelope(body: string): Envelope {
  try {
    const value = JSON.parse(body) as Envelope
    return typeof value === 'object' && value !== null && typeof value.error === 'object'
      ? value
      : {}
  } catch {
    return {}
  }
}

function milliseconds(headers: Readonly<Record<string, unknown>>): number | undefined {
  const exact = Number(headers['retry-after-ms'] ?? Number.NaN)
  const whole = Number(headers['retry-after'] ?? Number.NaN) * 1000
  const found = Number.isFinite(exact) ? exact : whole
  return Number.isFinite(found) && found >= 0 ? found : undefined
}
