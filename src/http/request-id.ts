/** Under which id the log knows a request. */
import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** The client's own id where it is harmless in a header and a log line, else a new one. */
export function requestId(headers: IncomingHttpHeaders): string {
  const own = headers['x-request-id']
  if (typeof own === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(own)) return own
  return `req_${randomBytes(12).toString('hex')}`
}
