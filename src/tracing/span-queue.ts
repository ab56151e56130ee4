/** A bounded queue of spans in front of a collector, which counts what becomes of each and says once that nobody takes them. */
import { ExportResultCode } from '@opentelemetry/core'
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace'
import type { TracingStats } from './tracing.ts'

export interface SpanQueueOptions {
  readonly exporter: SpanExporter
  readonly maxWaiting: number
  readonly batch: number
  readonly delayMs: number
  readonly logger: {
    info(details: object, message: string): void
    warn(details: object, message: string): void
  }
}

/** Few, since the main thread turns them into bytes in one go. */
export const SPANS_A_BATCH = 128
const EXPORT_TIMEOUT_MS = 15_000

export class SpanQueue implements SpanProcessor {
  readonly #options: SpanQueueOptions
  readonly #batches: BatchSpanProcessor
  #waiting = 0
  #sent = 0
  #failed = 0
  #dropped = 0
  #isRefused = false

  constructor(options: SpanQueueOptions) {
    this.#options = options
    const { exporter, maxWaiting, batch, delayMs } = options
    this.#batches = new BatchSpanProcessor({
      exporter: {
        export: (spans, done) => {
          this.#waiting -= spans.length
          exporter.export(spans, (result) => {
            const isSent = result.code === ExportResultCode.SUCCESS
            this.#tell(spans.length, isSent, result.error)
            done(result)
          })
        },
        forceFlush: async () => await exporter.forceFlush?.(),
        shutdown: () => exporter.shutdown(),
      },
      maxQueueSize: maxWaiting,
      maxExportBatchSize: batch,
      scheduledDelayMillis: delayMs,
      exportTimeoutMillis: EXPORT_TIMEOUT_MS,
    })
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    // The library drops them as well, and tells nobody how many.
    if (this.#waiting >= this.#options.maxWaiting) {
      this.#dropped++
      return
    }
    this.#waiting++
    this.#batches.onEnd(span)
  }

  stats(): TracingStats {
    const { maxWaiting } = this.#options
    return {
      ...{ sent: this.#sent, failed: this.#failed, dropped: this.#dropped },
      ...{ waiting: this.#waiting, maxWaiting },
    }
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#batches.shutdown()
  }

  #tell(spans: number, isSent: boolean, err: Error | undefined): void {
    const { logger } = this.#options
    if (isSent) {
      this.#sent += spans
      if (this.#isRefused) logger.info({}, 'traces are sent again')
      this.#isRefused = false
      return
    }
    this.#failed += spans
    if (this.#isRefused) return
    this.#isRefused = true
    // Of the collector's words only those that the library made of them.
    const reason = err === undefined ? 'no reason given' : reasonOf(err)
    logger.warn({ reason }, 'traces cannot be sent, and are lost until the collector takes them')
  }
}

function reasonOf(err: Error & { readonly code?: unknown }): string {
  const { code, message, name } = err
  return code === undefined ? message || name : `${message || name} (${String(code)})`
}
