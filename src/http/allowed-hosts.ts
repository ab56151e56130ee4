/**
 * The Host header of requests to a server that only this machine can reach and that asks for no key: a web page can have
 * its own name resolve to 127.0.0.1 (DNS rebinding) and would then be served as if it were a local program.
 *
 * No header is no such name. Only HTTP/1.0 may go without one (`requireOneHost`), and no browser speaks it or leaves Host out;
 * who does is a program, as a probe or an old proxy is. An empty header is none of theirs, and refused.
 */
import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { AerieError } from '../errors.ts'

/** An `onRequest` hook that refuses, outside probes, names other than `localhost`, `*.localhost`, any IP address and `hosts`. */
export function allowHosts(hosts: readonly string[]) {
  const names = new Set(hosts.map((host) => host.toLowerCase()))
  return async ({ hostname, headers, is404, routeOptions }: FastifyRequest): Promise<void> => {
    if (is404 || routeOptions.config.probe || headers.host === undefined) return
    const name = hostname.toLowerCase().replace(/\.$/, '')
    // A page cannot be rebound from an address: there is no name to resolve.
    const isAddress = isIP(name.replace(/^\[(.*)\]$/, '$1')) > 0
    if (isAddress || name === 'localhost' || name.endsWith('.localhost') || names.has(name)) return
    throw new AerieError(
      'host_not_allowed',
      `host: expected localhost, an address or a name in allowedHosts, got ${JSON.stringify(name.slice(0, 80))}`,
    )
  }
}
