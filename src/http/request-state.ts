/** What the edge knows about a request from its first byte to its last, and what is told of it in the end. */
import { finished } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface RequestState {
  /** Of `performance.now()`, at the arrival of the head. */
  readonly arrived: number
  /** Fires when the client goes away, at any time: upload, wait, stream. */
  readonly signal: AbortSignal
  /** Name of the API key; `anonymous` without one. */
  tenant: string
  /** Set when the request failed, also in the middle of a stream. */
  code: ErrorCode | undefined
  /** Facts for the access log: names and numbers, never what was said or shown. */
  readonly facts: Record<string, string | number>
}

declare module 'fastify' {
  interface FastifyRequest {
    state: RequestState
  }
}

/** Starts watching; when the last byte is sent or the client is gone, logs and counts the request once. */
export function watchRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics },
): void {
  const abort = new AbortController()
  const state: RequestState = {
    arrived: performance.now(),
    signal: abort.signal,
    tenant: 'anonymous',
    code: undefined,
    facts: {},
  }
  request.state = state
  finished(reply.raw, (error) => {
    if (error) abort.abort()
    const code = state.code ?? (error ? 'cancelled' : 'ok')
    const status = reply.raw.headersSent ? reply.raw.statusCode : 499
    const route = request.routeOptions.url ?? 'unknown'
    const ms = performance.now() - state.arrived
    metrics.requestFinished({ route, status, code, seconds: ms / 1000 })
    const { method, id } = request
    logger.info(
      {
        requestId: id,
        method,
        route,
        status,
        code,
        ms: Math.round(ms),
        tenant: state.tenant,
        ...state.facts,
      },
      'request',
    )
  })
}
