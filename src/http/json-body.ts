/** Bodies: JSON in UTF-8, nothing else. Requiring the content type also keeps web pages from posting across origins. */
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AerieError } from '../errors.ts'
import { freeMemory } from '../free-memory.ts'
import type { JsonFault } from '../json/json-fault.ts'
import { MalformedJson, MOST_MARKS, parseJson, TooManyValues } from '../json/parse-json.ts'

export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parse)
}

async function parse(request: FastifyRequest, body: Buffer): Promise<unknown> {
  checkCharset(request)
  checkBodyHeaders(request)
  return readJson(body, 'the body')
}

/** `what` is for messages. What was read is given up. Throws `invalid_json` or `request_too_large`. */
export function readJson(body: Buffer, what: string): unknown {
  if (!isUtf8(body)) throw new AerieError('invalid_json', `${what}: expected UTF-8`)
  try {
    return parseJson(body)
  } catch (cause) {
    if (cause instanceof TooManyValues) {
      throw new AerieError(
        'request_too_large',
        `${what}: more than ${MOST_MARKS} strings, commas, colons and brackets`,
      )
    }
    if (!(cause instanceof MalformedJson)) throw cause
    throw new AerieError('invalid_json', `${what}: ${describe(cause.fault, body)}`, { cause })
  } finally {
    // What was parsed are copies. A small body lies in a buffer that others share.
    if (body.buffer.byteLength === body.byteLength) freeMemory(body.buffer)
  }
}

function checkCharset({ headers }: FastifyRequest): void {
  const charset = /charset="?([\w-]+)/i.exec(headers['content-type'] ?? '')?.[1]
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new AerieError('unsupported_media_type', `content-type: expected UTF-8, got ${charset}`)
  }
}

/** Bodies come as they are: nothing here unpacks any. */
export function checkBodyHeaders({ headers, raw }: FastifyRequest): void {
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity'
  if (encoding !== 'identity') {
    throw new AerieError('unsupported_media_type', 'content-encoding: expected none')
  }
  // Node undoes chunks and nothing else, and chunks in HTTP/1.0 too, where a proxy in front may see the body end elsewhere.
  const transfer = headers['transfer-encoding']?.toLowerCase()
  if (transfer !== undefined && (transfer !== 'chunked' || raw.httpVersion === '1.0')) {
    const expected = raw.httpVersion === '1.0' ? 'none in HTTP/1.0' : 'chunked or none'
    throw new AerieError('unsupported_media_type', `transfer-encoding: expected ${expected}`)
  }
}

/** Without a word of the body. */
function describe({ offset, line, column, expected, isEnd }: JsonFault, body: Buffer): string {
  if (body.length === 0) return 'expected JSON, got nothing'
  const place = `line ${line}, column ${column} (byte ${offset})`
  if (isEnd) return `expected JSON; it ends too early, at ${place}: expected ${expected}`
  const isMark = offset === 0 && body.indexOf(BYTE_ORDER_MARK) === 0
  const got = isMark ? ', got a byte order mark' : ''
  return `expected JSON; it is wrong at ${place}: expected ${expected}${got}`
}

const BYTE_ORDER_MARK = '\ufeff'
