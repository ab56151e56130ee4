/** What the edge knows about a request from its first byte to its last, and what is told of it in the end. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { finished } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../errors.ts'
import type { RequestAccount } from '../limits/rate-limits.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { RootSpan, Tracing } from '../tracing/tracing.ts'
import { ANONYMOUS } from './auth.ts'
import { innerRequest } from './inner-request.ts'
import { ERROR_STATUS } from './openai-error.ts'
import { beginSpan, endSpan } from './trace.ts'

export interface RequestState {
  /** Of `performance.now()`, at the arrival of the head. */
  readonly arrived: number
  /** Fires when the client goes away, at any time: upload, wait, stream. */
  readonly signal: AbortSignal
  /** Name of the API key; `anonymous` without one. */
  tenant: string
  /** The server asks itself, for a line of a batch: live requests go first, and its figures are not among theirs. */
  readonly isInner: boolean
  /** What it takes from the limits of its key; undefined where it counts against none. */
  account: RequestAccount | undefined
  /** Undefined where there is no tracing. */
  readonly span: RootSpan | undefined
  /** Set when the request failed, also in the middle of a stream. */
  code: ErrorCode | undefined
  /** The connection is a WebSocket from now on, and the request ends with it. */
  isUpgraded: boolean
  /** Facts for the access log: names and numbers, never what was said or shown. */
  readonly facts: Record<string, string | number>
}

declare module 'fastify' {
  interface FastifyRequest {
    state: RequestState
  }
}

/** Who asks: a request of its own, or a message over a connection that stays open. */
export type Asking = Pick<
  FastifyRequest,
  'id' | 'state' | 'raw' | 'headers' | 'server' | 'routeOptions'
>

/** A request that has not been answered to the end. */
export interface OpenRequest {
  readonly raw: IncomingMessage
  readonly response: ServerResponse
  /** Ends the work as if the client had gone. With a code, that is how it ended: it was answered below Fastify. */
  end(code?: ErrorCode): void
}

/** By connection, oldest first; more than one where a client pipelines. */
const openRequests = new WeakMap<object, Set<OpenRequest>>()

export function openRequestsOn(socket: object): readonly OpenRequest[] {
  return [...(openRequests.get(socket) ?? [])]
}

/** By connection, the newest. */
const newestRequests = new WeakMap<object, IncomingMessage>()

/** Whether what comes next on the connection is still of the body of a request that was answered before it was whole. */
export function isInAnsweredBody(socket: object): boolean {
  const newest = newestRequests.get(socket)
  return newest?.complete === false && !openRequestsOn(socket).some(({ raw }) => raw === newest)
}

/** Probes and scrapes come all the time and tell nothing. */
function isTraced({ routeOptions }: FastifyRequest): boolean {
  const { probe = false, whileDraining = false } = routeOptions.config
  return !probe && !whileDraining
}

export interface Watchers {
  readonly logger: Logger
  readonly metrics: Metrics
  readonly tracing?: Tracing | undefined
}

/** Starts watching; when the last byte is sent or the client is gone, logs and counts the request once. */
export function watchRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  watchers: Watchers,
): void {
  const { tracing } = watchers
  const abort = new AbortController()
  const inner = innerRequest()
  const state: RequestState = {
    arrived: performance.now(),
    signal: abort.signal,
    tenant: inner?.tenant ?? ANONYMOUS,
    isInner: inner !== undefined,
    account: undefined,
    span: tracing && isTraced(request) ? beginSpan(tracing, request, inner) : undefined,
    code: undefined,
    isUpgraded: false,
    facts: inner ? { batch: inner.batchId } : {},
  }
  request.state = state
  if (state.span?.isRecording) state.facts['traceId'] = state.span.traceId
  if (inner) {
    inner.state = state
    const leave = () => abort.abort()
    inner.signal.addEventListener('abort', leave, { once: true })
    finished(reply.raw, () => inner.signal.removeEventListener('abort', leave))
    if (inner.signal.aborted) leave()
  }
  let refusal: ErrorCode | undefined
  let isCut = false
  const open: OpenRequest = {
    raw: request.raw,
    response: reply.raw,
    end(code) {
      refusal = code
      // What the handler may yet write reaches nobody.
      isCut = !reply.raw.headersSent
      abort.abort()
    },
  }
  const { socket } = request.raw
  const others = openRequests.get(socket) ?? new Set()
  openRequests.set(socket, others.add(open))
  newestRequests.set(socket, request.raw)
  finished(reply.raw, (error) => {
    others.delete(open)
    if (error) abort.abort()
    const outcome = isCut ? 'cancelled' : state.code
    const code = refusal ?? outcome ?? (error ? 'cancelled' : 'ok')
    const hasAnswer = reply.raw.headersSent && !isCut
    const status = hasAnswer ? reply.raw.statusCode : ERROR_STATUS[refusal ?? 'cancelled'].status
    const { method } = request
    if (state.isUpgraded)
      tellEnd(watchers, request, { method, status: 101, code: state.code ?? 'ok' })
    else tellEnd(watchers, request, { method, status, code })
  })
}

interface End {
  readonly method: string
  readonly status: number
  /** `ok`, or why it failed. */
  readonly code: ErrorCode | 'ok'
}

/** Ends the span of a request, counts it and logs it: once each. */
export function tellEnd(
  { metrics, logger }: Watchers,
  { id, state, routeOptions }: Asking,
  { method, status, code }: End,
): void {
  const route = routeOptions.url ?? 'unknown'
  const ms = performance.now() - state.arrived
  const { tenant } = state
  if (state.span) endSpan(state.span, { status, code, tenant })
  // How long a connection was open is no time that anybody has waited.
  const seconds = state.isUpgraded ? undefined : ms / 1000
  if (!state.isInner) metrics.requestFinished({ route, status, code, seconds })
  const times = { status, code, ms: Math.round(ms), tenant }
  logger.info({ requestId: id, method, route, ...times, ...state.facts }, 'request')
}
