/** Traces by OpenTelemetry's SDK. Loads it, so import this when tracing is on. */
import { createHash } from 'node:crypto'
import {
  type Context,
  isValidSpanId,
  isValidTraceId,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { parseTraceParent, TraceState } from '@opentelemetry/core'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { machineMs } from '../machine-clock.ts'
import { SPANS_A_BATCH, SpanQueue, type SpanQueueOptions } from './span-queue.ts'
import type { Attributes, Span } from './trace.ts'
import type { RootSpan, Tracing } from './tracing.ts'

export interface TracingOptions {
  /** Where traces are sent, with its path. */
  readonly url: string
  readonly protocol: 'http/protobuf' | 'http/json'
  /** For the collector, secrets among them. */
  readonly headers: Readonly<Record<string, string>>
  readonly sampling: Sampling
  readonly resource: Readonly<Record<string, string>>
  readonly serverName: string
  readonly version: string
  readonly logger: SpanQueueOptions['logger']
  /** Spans that may wait to be sent; more are dropped. Default 4096. */
  readonly maxWaiting?: number
  /** Until they are sent, in milliseconds. Default 1 s. */
  readonly delayMs?: number
}

/** Which traces are kept. `parent`: as whoever asks says, and by the share where nobody does. */
export interface Sampling {
  readonly isByParent: boolean
  /** 0 to 1. */
  readonly share: number
}

/** How long a server that stops waits for its last spans to be taken. */
const FLUSH_MS = 2000
/** Of one attempt to send, attempts after it included. */
const SEND_TIMEOUT_MS = 10_000
export function startTracing(options: TracingOptions): Tracing {
  const { protocol, url, headers, logger, maxWaiting = 4096, delayMs = 1000 } = options
  const Exporter = protocol === 'http/json' ? JsonExporter : ProtobufExporter
  const exporter = new Exporter({
    ...{ url, headers: { ...headers }, timeoutMillis: SEND_TIMEOUT_MS },
    // One batch at a time, and in the end all that wait at once, behind the one that is under way.
    concurrencyLimit: Math.ceil(maxWaiting / SPANS_A_BATCH) + 1,
  })
  const queue = new SpanQueue({ exporter, maxWaiting, batch: SPANS_A_BATCH, delayMs, logger })
  const ids = new ChosenIds()
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.name': options.serverName,
        'service.version': options.version,
        ...options.resource,
      }),
    ),
    sampler: samplerOf(options.sampling),
    idGenerator: ids,
    spanProcessors: [queue],
  })
  const tracer = provider.getTracer('aerie', options.version)
  return {
    request: (name, { traceparent, tracestate }, attributes) =>
      new TracedSpan(
        tracer,
        tracer.startSpan(
          name,
          { kind: SpanKind.SERVER, attributes: given(attributes), startTime: Date.now() },
          parentOf(traceparent, tracestate),
        ),
      ),
    line: (batchId, attributes) =>
      new TracedSpan(
        tracer,
        tracer.startSpan(
          'batch line',
          {
            kind: SpanKind.INTERNAL,
            attributes: given({ ...attributes, 'aerie.batch.id': batchId }),
            links: [{ context: contextOfBatch(batchId) }],
            startTime: Date.now(),
          },
          ROOT_CONTEXT,
        ),
      ),
    batch(batchId, parent) {
      if (!(parent instanceof TracedSpan)) return
      const span = ids.choose(contextOfBatch(batchId), () =>
        tracer.startSpan(
          'batch',
          {
            root: true,
            attributes: { 'aerie.batch.id': batchId },
            links: [{ context: parent.context }],
          },
          ROOT_CONTEXT,
        ),
      )
      span.end()
    },
    stats: () => queue.stats(),
    async dispose() {
      const { promise: late, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, FLUSH_MS)
      // The library stops waiting at the first batch that is refused, and others may yet be taken.
      const taken = provider.shutdown().catch(() => exporter.forceFlush())
      // What a collector that is not there has not taken by then is lost.
      await Promise.race([taken, late])
      clearTimeout(timer)
    },
  }
}

class TracedSpan implements RootSpan {
  readonly #tracer: Tracer
  readonly #span: OtelSpan
  readonly #context: Context
  /** Milliseconds from the machine's clock to that of the world: one for a whole trace, so that nothing in it is out of order. */
  readonly #toEpoch: number

  constructor(tracer: Tracer, span: OtelSpan, toEpoch = Date.now() - machineMs()) {
    this.#tracer = tracer
    this.#span = span
    this.#context = trace.setSpan(ROOT_CONTEXT, span)
    this.#toEpoch = toEpoch
  }

  get isRecording(): boolean {
    return this.#span.isRecording()
  }

  get context(): SpanContext {
    return this.#span.spanContext()
  }

  get traceId(): string {
    return this.context.traceId
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.context
    return `00-${traceId}-${spanId}-0${(traceFlags & TraceFlags.SAMPLED).toString(16)}`
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(given(attributes))
  }

  event(name: string, at: number, attributes: Attributes = {}): void {
    this.#span.addEvent(name, given(attributes), this.#epoch(at))
  }

  begin(name: string, attributes: Attributes = {}, at = machineMs()): Span {
    const options = { attributes: given(attributes), startTime: this.#epoch(at) }
    const span = this.#tracer.startSpan(name, options, this.#context)
    return new TracedSpan(this.#tracer, span, this.#toEpoch)
  }

  add(name: string, from: number, to: number, attributes?: Attributes): void {
    this.begin(name, attributes, from).end({ at: Math.max(from, to) })
  }

  end({ error, at = machineMs() }: { readonly error?: string; readonly at?: number } = {}): void {
    if (!this.#span.isRecording()) return
    if (error !== undefined) {
      this.#span.setAttribute('error.type', error)
      // A client's mistake, or its leaving, is no failure of the server.
      if (SERVER_ERRORS.has(error)) this.#span.setStatus({ code: SpanStatusCode.ERROR })
    }
    this.#span.end(this.#epoch(at))
  }

  #epoch(at: number): number {
    return at + this.#toEpoch
  }
}

/** Codes of status 5xx. */
const SERVER_ERRORS: ReadonlySet<string> = new Set([
  ...['deadline_exceeded', 'shutting_down', 'not_ready', 'model_unavailable', 'invalid_package'],
  'download_failed',
  ...['insufficient_storage', 'storage_failure', 'invalid_config', 'backend_failure'],
  'internal_error',
])

/** Without those that are undefined. */
function given(attributes: Attributes): Record<string, string | number | boolean | string[]> {
  return Object.fromEntries(
    Object.entries(attributes).filter(([, value]) => value !== undefined),
  ) as Record<string, string | number | boolean | string[]>
}

/** As the W3C says: what is no `traceparent` is as if there were none. */
function parentOf(traceparent: string | undefined, tracestate: string | undefined): Context {
  const parent = traceparent === undefined ? null : parseTraceParent(traceparent)
  if (!parent || !isValidTraceId(parent.traceId) || !isValidSpanId(parent.spanId))
    return ROOT_CONTEXT
  const state = tracestate === undefined ? {} : { traceState: new TraceState(tracestate) }
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, ...state, isRemote: true })
}

function samplerOf({ isByParent, share }: Sampling): Sampler {
  const root =
    share >= 1
      ? new AlwaysOnSampler()
      : share <= 0
        ? new AlwaysOffSampler()
        : new TraceIdRatioBasedSampler(share)
  return isByParent ? new ParentBasedSampler({ root }) : root
}

/** By its id alone, so that every server knows it and none has to keep it. */
function contextOfBatch(batchId: string): SpanContext {
  const digest = createHash('sha256').update(`aerie batch ${batchId}`).digest('hex')
  const [traceId, spanId] = [digest.slice(0, 32), digest.slice(32, 48)]
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED }
}

/** Random ones, but for a span whose ids are known before. */
class ChosenIds extends RandomIdGenerator {
  #chosen: SpanContext | undefined

  constructor() {
    super()
    const { generateTraceId, generateSpanId } = this
    this.generateTraceId = () => this.#chosen?.traceId ?? generateTraceId()
    this.generateSpanId = () => this.#chosen?.spanId ?? generateSpanId()
  }

  /** `start` begins one span, at once. */
  choose<Result>(ids: SpanContext, start: () => Result): Result {
    this.#chosen = ids
    try {
      return start()
    } finally {
      this.#chosen = undefined
    }
  }
}
