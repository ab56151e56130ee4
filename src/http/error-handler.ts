/** Anything thrown on the way to an answer → the error envelope, once; defects and failures of ours also into the log. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AerieError, ProgramWords } from '../errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { anthropicError, anthropicStatus, isAnthropic } from './anthropic/errors.ts'
import { ERROR_STATUS, errorBody, errorHeaders, toAerieError } from './openai-error.ts'
import type { Asking } from './request-state.ts'

export function errorHandler(logger: Logger) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = recordError(thrown, request, logger)
    // Fastify would close at once, and a client in the middle of its upload then sees a broken pipe and no answer.
    if (error.code === 'request_too_large') reply.removeHeader('connection')
    const speaksAnthropic = isAnthropic(request.url)
    return reply
      .code(speaksAnthropic ? anthropicStatus(error.code) : ERROR_STATUS[error.code].status)
      .headers(errorHeaders(error))
      .type('application/json; charset=utf-8')
      .send(speaksAnthropic ? anthropicError(error, request.id) : errorBody(error))
  }
}

/**
 * Notes the failure for the access log and the metrics. Failures of the server are logged with their stack; those of
 * a request are not, because their messages quote it; what ffmpeg said of a clip is, where somebody debugs.
 */
export function recordError(thrown: unknown, request: Asking, logger: Logger): AerieError {
  const error = isDeparture(thrown, request)
    ? new AerieError('cancelled', 'the client went away', { cause: thrown })
    : toAerieError(thrown, request)
  request.state.code = error.code
  if (error.limit !== undefined) request.state.facts['limit'] = error.limit
  if (ERROR_STATUS[error.code].status === 500) {
    logger.error({ requestId: request.id, code: error.code, err: error.cause ?? error }, 'failure')
  } else if (error.cause instanceof ProgramWords) {
    const { message: words } = error.cause
    logger.debug({ requestId: request.id, code: error.code, words }, 'what ffmpeg said')
  }
  return error
}

/** Node's and the platform's own words for a client that left, during the upload or later. */
function isDeparture(thrown: unknown, { raw, state }: Asking): boolean {
  if (!(thrown instanceof Error)) return false
  if (thrown.name === 'AbortError') return state.signal.aborted
  return 'code' in thrown && thrown.code === 'ECONNRESET' && !raw.complete
}
