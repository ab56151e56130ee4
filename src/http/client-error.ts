/** What is not even HTTP, or never finishes to be, still gets the error envelope. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { AerieError } from '../errors.ts'
import { ERROR_STATUS, errorBody } from './openai-error.ts'

/** For the `clientError` event of an HTTP server: there is no request and no response, only a socket. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // Nobody is left to read it.
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy(error)
    return
  }
  const failure = new AerieError(...explain(error.code))
  const body = JSON.stringify(errorBody(failure))
  const { status } = ERROR_STATUS[failure.code]
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
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
