/** Failures of `/v1/messages` → Anthropic's envelope. Other routes have OpenAI's. */
import type { AerieError, ErrorCode } from '../../errors.ts'
import { ERROR_STATUS } from '../openai-error.ts'
import type { components } from '../openapi.d.ts'

type Body = components['schemas']['AnthropicError']
type ErrorType = Body['error']['type']

/** Whether a path is one of Anthropic's, also where there is no such route. */
export function isAnthropic(url: string): boolean {
  return /^\/v1\/messages(?:[/?#]|$)/.test(url)
}

/** Their clients have classes of errors by status; a status without a line here is a fault of the server. */
const TYPES: Readonly<Record<number, ErrorType>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'invalid_request_error',
  408: 'timeout_error',
  413: 'request_too_large',
  415: 'invalid_request_error',
  416: 'invalid_request_error',
  429: 'rate_limit_error',
  499: 'invalid_request_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

/** A full queue is nobody's rate: Anthropic says 529 for a server that has too much to do. */
export function anthropicStatus(code: ErrorCode): number {
  return code === 'queue_full' ? 529 : ERROR_STATUS[code].status
}

export function anthropicError(error: AerieError, requestId: string): Body {
  return {
    type: 'error',
    error: {
      type: TYPES[anthropicStatus(error.code)] ?? 'api_error',
      message: error.message,
      details: { ...detailsOf(error), param: error.param ?? null },
    },
    request_id: requestId,
  }
}

/** Official clients keep a conversation themselves where they are told in these words that the server does not. */
function detailsOf({ code, param }: AerieError): Omit<Body['error']['details'], 'param'> {
  return code === 'unsupported_parameter' && param === 'thread'
    ? { error_code: 'thread_unsupported_request', unsupported: [] }
    : { error_code: code }
}
