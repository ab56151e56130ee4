/** Runs the levels of load one after another and reads the server's own metrics after each. */
import type { LoadPlan } from './load.ts'
import { type MetricsPage, readMetrics } from './metrics-page.ts'
import type { BenchTarget } from './options.ts'
import { runLoad } from './run-load.ts'
import { type LoadSummary, summarise } from './summary.ts'

export interface MeasurePlan {
  readonly clients: readonly number[]
  readonly requests: number
  readonly pictures: LoadPlan['pictures']
}

export interface BenchResult {
  readonly date: string
  readonly model: string
  readonly question: string
  readonly maxTokens: number
  readonly readyMs: number | undefined
  readonly levels: readonly {
    readonly summary: LoadSummary
    /** The server's own: p99 of how late its event loop was, at the end of this level. */
    readonly eventLoopDelayP99Ms: number | undefined
  }[]
}

/** `progress` gets a line as each level starts. */
export async function measure(
  target: BenchTarget,
  { clients, requests, pictures }: MeasurePlan,
  progress: (line: string) => void,
): Promise<BenchResult> {
  const { server, apiKey, model, question, maxTokens } = target
  const levels: BenchResult['levels'][number][] = []
  for (const [i, count] of clients.entries()) {
    progress(`${requests} requests by ${count} client${count === 1 ? '' : 's'} …`)
    const plan: LoadPlan = {
      url: server.url,
      apiKey,
      model,
      question,
      maxTokens,
      clients: count,
      requests,
      pictures,
      seed: target.seed * 100 + i,
    }
    // Reading resets the histogram of delays, so that this level's is its own.
    await readMetrics(server.url, apiKey)
    const summary = summarise(plan, await runLoad(plan))
    const eventLoopDelayP99Ms = eventLoopDelayP99(await readMetrics(server.url, apiKey))
    levels.push({ summary, eventLoopDelayP99Ms })
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    model,
    question,
    maxTokens,
    readyMs: server.readyMs,
    levels,
  }
}

function eventLoopDelayP99(page: MetricsPage): number | undefined {
  const seconds = page.get('aerie_event_loop_delay_seconds{quantile="0.99"}')
  return seconds === undefined ? undefined : seconds * 1000
}
