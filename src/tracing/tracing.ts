/** Traces as the edge sees them: a span for each request, and what becomes of all of them. */
import type { Attributes, Span } from './trace.ts'

/** The span of a whole request. */
export interface RootSpan extends Span {
  /** W3C `traceparent` of this span. */
  readonly traceparent: string
  readonly traceId: string
}

export interface Tracing {
  /** A request of a client. `traceparent`, `tracestate`: the headers that it came with. */
  request(
    name: string,
    headers: { readonly traceparent: string | undefined; readonly tracestate: string | undefined },
    attributes: Attributes,
  ): RootSpan
  /** A line of a batch, which the server asks itself: a trace of its own, linked to that of its batch. */
  line(batchId: string, attributes: Attributes): RootSpan
  /** That a batch was made, in the current span: what its lines are linked to, whichever server runs them and whenever. */
  batch(batchId: string, parent: Span): void
  stats(): TracingStats
  /** Sends what there is, for a moment. */
  dispose(): Promise<void>
}

/** Spans since start. */
export interface TracingStats {
  readonly sent: number
  /** The collector did not take them. */
  readonly failed: number
  /** There were too many. */
  readonly dropped: number
  readonly waiting: number
  readonly maxWaiting: number
}
