/**
 * Runs the levels of load in turns, some rounds of each, so that a machine that is faster now and slower then is so for all of
 * them; reads the server's own metrics in the first round.
 */
import { loadavg } from 'node:os'
import type { LoadPlan, LoadResult } from './load.ts'
import { type MetricsPage, readMetrics } from './metrics-page.ts'
import type { BenchTarget } from './options.ts'
import { runLoad } from './run-load.ts'
import { type LoadSummary, summarise } from './summary.ts'

/** More than any load sends, its warm-up included. */
const NUMBERS_OF_A_LOAD = 1_000_000

const READ_EVERY_MS = 8_000

export interface MeasurePlan {
  readonly clients: readonly number[]
  /** For each number of clients, all rounds together. */
  readonly requests: number
  readonly rounds: number
  readonly pictures: LoadPlan['pictures']
  readonly answers: LoadPlan['answers']
}

export interface BenchResult {
  readonly date: string
  readonly model: string
  readonly question: string
  readonly maxTokens: number
  readonly answers: LoadPlan['answers']
  /** Of the machine when it began: what else was running. */
  readonly loadAverage: number
  readonly readyMs: number | undefined
  readonly levels: readonly {
    readonly summary: LoadSummary
    /** The server's own: p99 of how late its event loop was, the worst reading of this level's first round. */
    readonly eventLoopDelayP99Ms: number | undefined
  }[]
}

/** `progress` gets a line as each level starts. */
export async function measure(
  target: BenchTarget,
  { clients, requests, rounds, pictures, answers }: MeasurePlan,
  progress: (line: string) => void,
): Promise<BenchResult> {
  const { server, apiKey, model, question, maxTokens } = target
  const loadAverage = loadavg()[0]!
  const common = { url: server.url, apiKey, model, question, maxTokens, answers, pictures }
  const levels = clients.map((count) => ({
    count,
    results: [] as LoadResult[],
    delayMs: undefined as number | undefined,
  }))
  for (let round = 0; round < rounds; round++) {
    const here =
      Math.round((requests * (round + 1)) / rounds) - Math.round((requests * round) / rounds)
    for (const [i, level] of levels.entries()) {
      const { count } = level
      progress(`${here} requests by ${count} client${count === 1 ? '' : 's'} …`)
      const firstPicture = (round * levels.length + i) * NUMBERS_OF_A_LOAD
      const plan = { ...common, clients: count, requests: here, seed: target.seed, firstPicture }
      const delays = round === 0 ? watchEventLoop(() => readMetrics(server.url, apiKey)) : undefined
      level.results.push(await runLoad(plan))
      if (delays) level.delayMs = await delays.worst()
    }
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    model,
    question,
    maxTokens,
    answers,
    loadAverage,
    readyMs: server.readyMs,
    levels: levels.map(({ count, results, delayMs }) => ({
      summary: summarise({ clients: count, pictures }, together(results)),
      eventLoopDelayP99Ms: delayMs,
    })),
  }
}

/** The rounds of a level as one load. */
function together(results: readonly LoadResult[]): LoadResult {
  return {
    durationMs: results.reduce((sum, { durationMs }) => sum + durationMs, 0),
    records: results.flatMap(({ records }) => records),
  }
}

/** Reads the delay, which the server keeps for its last 10 to 20 seconds, often enough to miss none. */
function watchEventLoop(read: () => Promise<MetricsPage>) {
  const readings: Promise<number | undefined>[] = []
  const take = () => {
    readings.push(
      read().then((page) => {
        const seconds = page.get('aerie_event_loop_delay_seconds{quantile="0.99"}')
        return seconds === undefined ? undefined : seconds * 1000
      }),
    )
    // The rejection is met in worst(); until then it must not count as unhandled.
    readings.at(-1)?.catch(() => undefined)
  }
  const timer = setInterval(take, READ_EVERY_MS)
  return {
    /** The largest p99 of all readings; undefined for a server that does not say. */
    async worst(): Promise<number | undefined> {
      clearInterval(timer)
      take()
      const known = (await Promise.all(readings)).filter((delay) => delay !== undefined)
      return known.length === 0 ? undefined : Math.max(...known)
    },
  }
}
