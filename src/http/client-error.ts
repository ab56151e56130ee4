/** What is not even HTTP, or never finishes to be, still gets the error envelope, a line in the log and a count. */
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { AerieError } from '../errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { ERROR_STATUS, errorBody } from './openai-error.ts'
import { requestId } from './request-id.ts'
import { isInAnsweredBody, type OpenRequest, openRequestsOn } from './request-state.ts'

/** How long the client may take to read the answer before the connection is cut. */
const LINGER_MS = 2000

interface ClientError extends Error {
  readonly code?: string
  /** The parser's own words, of a fixed list: nothing of the request is in them. */
  readonly reason?: string
}

interface Watch {
  readonly logger: Logger
  readonly metrics: Metrics
}

/** For the `clientError` event of an HTTP server: there may be no request and no response, only a socket. */
export function answerClientErrors(watch: Watch) {
  return (error: ClientError, socket: Socket): void => {
    const open = openRequestsOn(socket)
    const unfinished = open.find(({ raw }) => !raw.complete)
    // What is wrong with a body whose answer has been sent is nobody's business any more: most often its client stops sending it.
    if (isInAnsweredBody(socket) || isDeparture(error, socket, unfinished !== undefined)) {
      socket.destroy(error)
      return
    }
    const isBehind = open.length > 0 && !unfinished
    const failure = new AerieError(...explain(error, isBehind))
    const id = requestId(unfinished?.raw.headers ?? {})
    // A fault in a body is told by the line of its request.
    if (!unfinished) record(watch, id, failure, { reason: error.code ?? 'unknown' })
    endConnection(socket, failure, id, unfinished)
  }
}

/** For the `connect` event: a CONNECT wants a tunnel, and this is no proxy. */
export function refuseTunnels(watch: Watch) {
  return ({ method, headers }: IncomingMessage, socket: Duplex): void => {
    socket.on('error', () => socket.destroy())
    const failure = new AerieError('method_not_allowed', 'the method: CONNECT is for proxies')
    const id = requestId(headers)
    record(watch, id, failure, { method })
    endConnection(socket, failure, id)
  }
}

/** Ends the work for every request on the connection; `failed` is the one that the failure is about, if it is about one. */
function endConnection(
  socket: Duplex,
  failure: AerieError,
  id: string,
  failed?: OpenRequest,
): void {
  const open = openRequestsOn(socket)
  // In the middle of an answer it would be read as a part of it.
  const isInAnswer = open.some(({ response }) => response.headersSent)
  for (const request of open) request.end(request === failed ? failure.code : undefined)
  if (isInAnswer) socket.destroy()
  else endWith(socket, failure, id)
}

/** Nobody is left to read an answer, or nobody has asked for one: a connection opened in advance may stay silent. */
function isDeparture(error: { code?: string }, socket: Socket, isInBody: boolean): boolean {
  if (error.code === 'ECONNRESET' || !socket.writable) return true
  if (error.code === 'HPE_INVALID_EOF_STATE') return isInBody
  return error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0
}

/** As for any request; but there is no path, often no method, and nothing to measure the time from. */
function record(
  { logger, metrics }: Watch,
  id: string,
  { code }: AerieError,
  facts: { readonly reason?: string; readonly method?: string | undefined },
): void {
  const { status } = ERROR_STATUS[code]
  const route = 'unknown'
  metrics.requestFinished({ route, status, code, seconds: undefined })
  logger.info({ requestId: id, route, status, code, ...facts }, 'request')
}

function endWith(socket: Duplex, failure: AerieError, id: string): void {
  const body = JSON.stringify(errorBody(failure))
  const { status } = ERROR_STATUS[failure.code]
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `x-request-id: ${id}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(status === 405 ? ['allow: '] : []),
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  const linger = setTimeout(() => socket.destroy(), LINGER_MS).unref()
  socket.once('close', () => clearTimeout(linger))
}

function explain({ code, reason }: ClientError, isBehind: boolean): [AerieError['code'], string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return ['request_too_large', 'the head: more than the server reads']
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['request_timeout', 'the request did not arrive in time']
    default:
      return [
        'invalid_request',
        `${isBehind ? 'what follows the body is ' : ''}not a valid HTTP request${reason ? `: ${reason}` : ''}`,
      ]
  }
}
