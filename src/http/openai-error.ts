/** Failures → OpenAI's envelope and an HTTP status. Every body of every failure is made here. */
import type { FastifyError } from 'fastify'
import { AerieError, type ErrorCode } from '../errors.ts'
import type { components } from './openapi.d.ts'
import type { Asking } from './request-state.ts'

export type ErrorBody = components['schemas']['Error']
type ErrorType = ErrorBody['error']['type']

interface Mapping {
  readonly status: number
  readonly type: ErrorType
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Content type of bodies where it is not JSON, for messages. */
    readonly bodyType?: string
  }
}

const REQUEST: ErrorType = 'invalid_request_error'
const SERVER: ErrorType = 'server_error'

/** What each code is on the wire; a code without a line here does not compile. */
export const ERROR_STATUS: Readonly<Record<ErrorCode, Mapping>> = {
  invalid_json: { status: 400, type: REQUEST },
  invalid_request: { status: 400, type: REQUEST },
  unknown_parameter: { status: 400, type: REQUEST },
  unsupported_parameter: { status: 400, type: REQUEST },
  invalid_api_key: { status: 401, type: REQUEST },
  host_not_allowed: { status: 403, type: REQUEST },
  not_found: { status: 404, type: REQUEST },
  method_not_allowed: { status: 405, type: REQUEST },
  unsupported_media_type: { status: 415, type: REQUEST },
  range_not_satisfiable: { status: 416, type: REQUEST },
  request_too_large: { status: 413, type: REQUEST },
  request_timeout: { status: 408, type: REQUEST },
  upgrade_required: { status: 426, type: REQUEST },
  previous_response_not_found: { status: 400, type: REQUEST },
  websocket_connection_limit_reached: { status: 400, type: REQUEST },
  model_not_found: { status: 404, type: REQUEST },
  context_length_exceeded: { status: 400, type: REQUEST },
  invalid_media: { status: 400, type: REQUEST },
  unsupported_media: { status: 400, type: REQUEST },
  media_too_large: { status: 400, type: REQUEST },
  media_fetch_failed: { status: 400, type: REQUEST },
  queue_full: { status: 429, type: 'rate_limit_error' },
  rate_limit_exceeded: { status: 429, type: 'requests' },
  deadline_exceeded: { status: 504, type: SERVER },
  shutting_down: { status: 503, type: SERVER },
  not_ready: { status: 503, type: SERVER },
  model_unavailable: { status: 503, type: SERVER },
  cancelled: { status: 499, type: REQUEST },
  invalid_package: { status: 500, type: SERVER },
  download_failed: { status: 502, type: SERVER },
  insufficient_storage: { status: 507, type: SERVER },
  storage_failure: { status: 500, type: SERVER },
  invalid_config: { status: 500, type: SERVER },
  backend_failure: { status: 500, type: SERVER },
  internal_error: { status: 500, type: SERVER },
}

/** Seconds to wait where the error itself does not say. */
const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = {
  queue_full: 1,
  shutting_down: 5,
  not_ready: 2,
  model_unavailable: 5,
}

/** The envelope. A code that is a defect says nothing but the id under which the log says everything. */
export function errorBody(error: AerieError): ErrorBody {
  const { type } = ERROR_STATUS[error.code]
  const { message, param, code, limit } = error
  return { error: { message, type: limit ?? type, param: param ?? null, code } }
}

/** Headers that tell clients whether and when to try again, and with what. */
export function errorHeaders(error: AerieError): Record<string, string> {
  const seconds = error.retryAfterSeconds ?? RETRY_AFTER_SECONDS[error.code]
  if (error.code === 'upgrade_required') return { connection: 'upgrade', upgrade: 'websocket' }
  if (error.code === 'invalid_api_key') return { 'www-authenticate': 'Bearer' }
  if (error.code === 'deadline_exceeded' || error.shouldRetry === false)
    return { 'x-should-retry': 'false' }
  if (seconds === undefined) return {}
  return {
    'retry-after': String(Math.max(1, Math.ceil(seconds))),
    'retry-after-ms': String(Math.max(1, Math.ceil(seconds * 1000))),
  }
}

/** Anything thrown → an expected failure. What is not one is a defect; its message stays in the log. */
export function toAerieError(thrown: unknown, request: Asking): AerieError {
  if (thrown instanceof AerieError && thrown.code !== 'internal_error') return thrown
  const { id } = request
  return (
    fromFastify(thrown as FastifyError, request) ??
    new AerieError('internal_error', `internal error; the log has it under ${id}`, {
      cause: thrown,
    })
  )
}

/** Fastify's own refusals, before a handler runs. */
function fromFastify(
  error: FastifyError,
  { server, routeOptions }: Asking,
): AerieError | undefined {
  const { bodyLimit: maxBodyBytes = 0 } = server.initialConfig
  const { bodyType = 'application/json in UTF-8' } = routeOptions.config
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new AerieError(
        'request_too_large',
        `the body: more than ${maxBodyBytes} bytes (maxBodyBytes)`,
        { cause: error },
      )
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new AerieError('unsupported_media_type', `content-type: expected ${bodyType}`, {
        cause: error,
      })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new AerieError(
        'invalid_request',
        'the body is shorter or longer than content-length',
        {
          cause: error,
        },
      )
    case 'FST_ERR_BAD_URL':
      return new AerieError('invalid_request', 'the path is not a valid URL', { cause: error })
    default:
      return undefined
  }
}
