/** What is not even HTTP, or never finishes to be, still gets the error envelope. */
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { AerieError } from '../errors.ts'
import { ERROR_STATUS, errorBody } from './openai-error.ts'
import { requestId } from './request-id.ts'

/** For the `clientError` event of an HTTP server: there is no request and no response, only a socket. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // Nobody is left to read it.
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy(error)
    return
  }
  endWith(socket, new AerieError(...explain(error.code)))
}

/** For the `connect` event: a CONNECT wants a tunnel, and this is no proxy. */
export function refuseTunnel(_request: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => socket.destroy())
  endWith(socket, new AerieError('method_not_allowed', 'the method: CONNECT is for proxies'))
}

function endWith(socket: Duplex, failure: AerieError): void {
  const body = JSON.stringify(errorBody(failure))
  const { status } = ERROR_STATUS[failure.code]
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `x-request-id: ${requestId({})}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(status === 405 ? ['allow: '] : []),
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function explain(code: string | undefined): [AerieError['code'], string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return ['request_too_large', 'the head: more than the server reads']
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['invalid_request', 'the request did not arrive in time']
    default:
      return ['invalid_request', 'not a valid HTTP request']
  }
}
