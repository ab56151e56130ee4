/** That a request says once whom it is for. */
import type { FastifyRequest } from 'fastify'
import { AerieError } from '../errors.ts'

/**
 * An `onRequest` hook. HTTP/1.1 needs exactly one Host header (RFC 9112, section 3.2): of two, a proxy in front may have
 * looked at the other one.
 */
export async function requireOneHost({ raw }: FastifyRequest): Promise<void> {
  const hosts = raw.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host')
  if (hosts.length === 1 || (hosts.length === 0 && raw.httpVersion === '1.0')) return
  throw new AerieError('invalid_request', `host: expected one Host header, got ${hosts.length}`)
}
