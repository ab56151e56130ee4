/** Records of requests → the numbers of a report, under the names that vLLM's benchmark uses. */
import type { LoadPlan, LoadResult, RequestRecord } from './load.ts'

/** Milliseconds. Percentiles by nearest rank. */
export interface Spread {
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export interface LoadSummary {
  readonly max_concurrency: number
  readonly pictures: LoadPlan['pictures']
  /** Seconds. */
  readonly duration: number
  readonly completed: number
  readonly failed: number
  /** The first failure's message. */
  readonly first_error: string | null
  readonly total_input_tokens: number
  readonly total_output_tokens: number
  /** A second. */
  readonly request_throughput: number
  readonly output_throughput: number
  readonly total_token_throughput: number
  readonly ttft_ms: Spread
  readonly tpot_ms: Spread
  readonly itl_ms: Spread
  readonly e2el_ms: Spread
}

/** Failed requests count as failed and in nothing else. */
export function summarise(
  plan: Pick<LoadPlan, 'clients' | 'pictures'>,
  { durationMs, records }: LoadResult,
): LoadSummary {
  const done = records.filter(({ error }) => error === undefined)
  const seconds = durationMs / 1000
  const sum = (of: (record: RequestRecord) => number) => done.reduce((n, r) => n + of(r), 0)
  const input = sum((r) => r.promptTokens)
  const output = sum((r) => r.completionTokens)
  return {
    max_concurrency: plan.clients,
    pictures: plan.pictures,
    duration: seconds,
    completed: done.length,
    failed: records.length - done.length,
    first_error: records.find(({ error }) => error !== undefined)?.error ?? null,
    total_input_tokens: input,
    total_output_tokens: output,
    request_throughput: done.length / seconds,
    output_throughput: output / seconds,
    total_token_throughput: (input + output) / seconds,
    ttft_ms: spread(done.flatMap((r) => r.ttftMs ?? [])),
    tpot_ms: spread(done.flatMap(timePerOutputToken)),
    itl_ms: spread(done.flatMap((r) => r.gapsMs)),
    e2el_ms: spread(done.map((r) => r.totalMs)),
  }
}

/** Time after the first token over the tokens after the first; an answer of one token has none. */
function timePerOutputToken({ ttftMs, totalMs, completionTokens }: RequestRecord): number[] {
  if (ttftMs === undefined || completionTokens < 2) return []
  return [(totalMs - ttftMs) / (completionTokens - 1)]
}

/** All zero for no values. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = (p: number) => sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? 0
  const mean = sorted.reduce((n, value) => n + value, 0) / Math.max(1, sorted.length)
  return { mean, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99) }
}

/** The same with vLLM's flat names: `mean_ttft_ms`, `p99_tpot_ms`, … */
export function flatten(summary: LoadSummary): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(summary).flatMap(([name, value]: [string, unknown]) =>
      isSpread(value)
        ? Object.entries(value).map(([stat, n]) => [
            `${stat === 'p50' ? 'median' : stat}_${name}`,
            n,
          ])
        : [[name, value]],
    ),
  )
}

const isSpread = (value: unknown): value is Spread => typeof value === 'object' && value !== null
