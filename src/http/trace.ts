/** The span of each request: begun at its head, ended with its last byte, and everything that is done for it inside. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { NO_SPAN, runInSpan } from '../tracing/trace.ts'
import type { RootSpan, Tracing } from '../tracing/tracing.ts'
import type { InnerRequest } from './inner-request.ts'

/** Names of OpenTelemetry's semantic conventions for HTTP servers. The path itself is left out where a client makes it up. */
export function beginSpan(
  tracing: Tracing,
  { method, routeOptions, headers, raw, id, is404 }: FastifyRequest,
  inner: InnerRequest | undefined,
): RootSpan {
  const route = is404 ? undefined : routeOptions.url
  const verb = METHODS.has(method) ? method : '_OTHER'
  const attributes = {
    'http.request.method': verb,
    'http.route': route,
    ...(route !== undefined && !/[:*]/.test(route) && { 'url.path': route }),
    'aerie.request_id': id,
  }
  if (inner) return tracing.line(inner.batchId, attributes)
  const { traceparent, tracestate } = headers
  const one = (value: string | string[] | undefined) =>
    typeof value === 'string' ? value : undefined
  return tracing.request(
    route === undefined ? verb : `${verb} ${route}`,
    { traceparent: one(traceparent), tracestate: one(tracestate) },
    {
      ...attributes,
      'url.scheme': 'http',
      'network.protocol.version': raw.httpVersion,
    },
  )
}

/** Of a message over a WebSocket; `traceparent` is that of the handshake. */
export function beginTurnSpan(
  tracing: Tracing,
  { routeOptions, headers, id }: Pick<FastifyRequest, 'routeOptions' | 'headers' | 'id'>,
): RootSpan {
  const { url: route } = routeOptions
  const { traceparent, tracestate } = headers
  const one = (value: string | string[] | undefined) =>
    typeof value === 'string' ? value : undefined
  return tracing.request(
    `WEBSOCKET ${route}`,
    { traceparent: one(traceparent), tracestate: one(tracestate) },
    { 'http.route': route, 'network.protocol.name': 'websocket', 'aerie.request_id': id },
  )
}

const METHODS: ReadonlySet<string> = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH'.split(' '),
)

export interface SpanOutcome {
  readonly status: number
  /** `ok`, or why it failed. */
  readonly code: string
  readonly tenant: string
}

export function endSpan(span: RootSpan, { status, code, tenant }: SpanOutcome): void {
  span.set({ 'http.response.status_code': status, 'aerie.tenant': tenant })
  span.end(code === 'ok' ? {} : { error: code })
}

/** Has handlers run in the span of their request, and answers name it, as the W3C's `traceresponse` has it. */
export function traceRequests(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ state }, reply: FastifyReply) => {
    if (state.span) reply.header('traceresponse', state.span.traceparent)
  })
  app.addHook('preHandler', ({ state }, _reply, done) => {
    runInSpan(state.span ?? NO_SPAN, done)
  })
}
