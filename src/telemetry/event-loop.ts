/** How late the event loop runs its timers: the figure that tells whether the main thread does too much. */
import { type Histogram, monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 10
const WINDOW_MS = 10_000
const QUANTILES = [0.5, 0.9, 0.99, 1] as const

export interface EventLoopMonitor extends Disposable {
  /** Seconds of delay by quantile over the last 10 to 20 s; the larger of the running window and the one before. */
  quantiles(): ReadonlyMap<number, number>
}

/** Windows turn by the clock, not by being read, so that several readers see the same. */
export function monitorEventLoop(): EventLoopMonitor {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  let previous = read(histogram)
  const timer = setInterval(() => {
    previous = read(histogram)
    histogram.reset()
  }, WINDOW_MS).unref()
  return {
    quantiles() {
      const current = read(histogram)
      return new Map(QUANTILES.map((q) => [q, Math.max(current.get(q) ?? 0, previous.get(q) ?? 0)]))
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      histogram.disable()
    },
  }
}

/** The histogram holds the time between two turns of a timer; what exceeds its period is delay. */
function read(histogram: Pick<Histogram, 'count' | 'percentile'>): Map<number, number> {
  if (histogram.count === 0) return new Map()
  return new Map(
    QUANTILES.map((q) => {
      const intervalMs = histogram.percentile(q * 100) / 1e6
      return [q, Math.max(0, intervalMs - RESOLUTION_MS) / 1000]
    }),
  )
}
