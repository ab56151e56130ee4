/** What clients and server say to each other over a WebSocket, beside the events that streams have too. */
import type { RawData } from 'ws'
import { AerieError } from '../../errors.ts'
import { describeValue } from '../describe.ts'
import { readJson } from '../json-body.ts'
import { ERROR_STATUS, errorBody, errorHeaders } from '../openai-error.ts'
import type { components } from '../openapi.d.ts'

export type SocketError = components['schemas']['ResponseSocketError']

export interface SocketMessage {
  /** One Buffer, as the library gives it without being told otherwise. */
  readonly data: RawData
  readonly isBinary: boolean
}

/**
 * `response.create` → the body that a POST would have. Throws `invalid_json`, `invalid_request`, `request_too_large`, and
 * `unsupported_parameter` for events and fields that are published and not honoured here.
 */
export function toCreateBody({ data, isBinary }: SocketMessage): Record<string, unknown> {
  if (isBinary) throw noBody('expected a text, got a binary message')
  const event = readJson(data as Buffer, 'the message')
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw noBody(`expected an object, got ${describeValue(event)}`)
  }
  const { type, generate, stream_id: lane, ...body } = event as Record<string, unknown>
  if (type !== 'response.create') {
    throw invalid('type', `expected "response.create", got ${describeValue(type)}`)
  }
  if (generate !== undefined && generate !== null && generate !== true) {
    throw unsupported('generate', 'nothing is prepared without being generated; leave it out')
  }
  if (lane !== undefined && lane !== null) {
    const what = 'a connection has one response at a time; open another for one beside it'
    throw unsupported('stream_id', what)
  }
  if (body['background']) throw invalid('background', 'expected none over a WebSocket')
  if (body['stream'] === false) {
    throw invalid('stream', 'expected none, as everything is a stream over a WebSocket')
  }
  return { ...body, stream: true }
}

/** The `error` event of Open Responses, with the fields of OpenAI's stream beside it. */
export function toSocketError(failed: AerieError): SocketError {
  const { error } = errorBody(failed)
  const { code, message, param } = error
  const headers = errorHeaders(failed)
  const told = Object.keys(headers).length > 0 ? { ...error, headers } : error
  const { status } = ERROR_STATUS[failed.code]
  return { type: 'error', status, code, message, param, error: told }
}

/** No field is at fault. */
function noBody(what: string): AerieError {
  return new AerieError('invalid_request', `the message: ${what}`)
}

function invalid(param: string, what: string): AerieError {
  return new AerieError('invalid_request', `${param}: ${what}`, { param })
}

function unsupported(param: string, what: string): AerieError {
  return new AerieError('unsupported_parameter', `${param}: ${what}`, { param })
}
