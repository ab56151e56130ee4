/** A benchmark's result as a table, as JSON and as Markdown. */
import { cpus, totalmem } from 'node:os'
import { basename } from 'node:path'
import { readCpu } from '../cpu.ts'
import type { BenchResult } from './measure.ts'
import { flatten, type Spread } from './summary.ts'
import { alignedTable, markdownTable, type Rows } from './table.ts'

export { asPlot } from './plot.ts'

/** For the terminal. */
export function asTable(result: BenchResult): string {
  return [alignedTable(rows(result)), '', ...remarks(result)].join('\n')
}

/** One object: the setting, and for each level vLLM's flat names (`median_ttft_ms`, `request_throughput`). */
export function asJson(result: BenchResult): string {
  const { levels, readyMs, ...setting } = result
  return JSON.stringify(
    {
      ...setting,
      hardware: hardware(),
      ready_ms: readyMs ?? null,
      throughput_ratio: ratio(result) ?? null,
      levels: levels.map(({ summary, eventLoopDelayP99Ms }) => ({
        model_id: result.model,
        ...flatten(summary),
        p99_event_loop_delay_ms: eventLoopDelayP99Ms ?? null,
      })),
    },
    undefined,
    2,
  )
}

/** For docs/performance.md; `plot` is the path of the picture beside it. */
export function asMarkdown(result: BenchResult, plot: string): string {
  return [
    `${result.date}, ${hardware()}, Node ${process.versions.node}, model \`${result.model}\`, ` +
      `question "${result.question}", ${result.answers === 'exact' ? 'exactly' : 'at most'} ${result.maxTokens} tokens an answer, ` +
      `${result.levels[0]?.summary.pictures} pictures. ` +
      `Load average of the machine before: ${result.loadAverage.toFixed(1)}.`,
    '',
    markdownTable(rows(result)),
    '',
    ...remarks(result).map((remark) => `- ${remark}`),
    '',
    `![Throughput and time to first token by number of clients](${basename(plot)})`,
  ].join('\n')
}

/** Replaces what lies between the markers, those of `section` where a page has several. Throws when the text lacks them. */
export function insert(text: string, report: string, section?: string): string {
  const name = section === undefined ? 'bench' : `bench:${section}`
  const [startMark, endMark] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`]
  const [before, rest] = text.split(startMark)
  const after = rest?.split(endMark)[1]
  if (before === undefined || after === undefined)
    throw new Error(`expected ${startMark} and ${endMark}`)
  return `${before}${startMark}\n${report}\n${endMark}${after}`
}

const COLUMNS = [
  'clients',
  'requests/s',
  'tokens/s out',
  'TTFT ms p50/p95/p99',
  'TPOT ms p50/p95/p99',
  'total ms p50/p95/p99',
  'loop delay ms p99',
  'failed',
]

function rows({ levels }: BenchResult): Rows {
  return [COLUMNS, ...levels.map(row)]
}

function row({ summary, eventLoopDelayP99Ms }: BenchResult['levels'][number]): string[] {
  return [
    String(summary.max_concurrency),
    summary.request_throughput.toFixed(1),
    summary.output_throughput.toFixed(0),
    percentiles(summary.ttft_ms),
    percentiles(summary.tpot_ms),
    percentiles(summary.e2el_ms),
    eventLoopDelayP99Ms?.toFixed(1) ?? 'unknown',
    String(summary.failed),
  ]
}

function remarks(result: BenchResult): string[] {
  const lines: string[] = []
  const times = ratio(result)
  const [first, last] = [result.levels[0], result.levels.at(-1)]
  if (times !== undefined && first && last) {
    lines.push(
      `Throughput at ${last.summary.max_concurrency} clients is ${times.toFixed(2)} times that of ` +
        `${first.summary.max_concurrency}.`,
    )
  }
  if (result.readyMs !== undefined) {
    lines.push(`From start of the process to ready: ${(result.readyMs / 1000).toFixed(2)} s.`)
  }
  const failure = result.levels.find(({ summary }) => summary.first_error !== null)
  if (failure) lines.push(`First failure: ${failure.summary.first_error}`)
  return lines
}

/** Requests a second at the last level over those at the first; undefined for one level. */
function ratio({ levels }: BenchResult): number | undefined {
  const [first, last] = [levels[0], levels.at(-1)]
  if (!first || !last || first === last || first.summary.request_throughput === 0) return undefined
  return last.summary.request_throughput / first.summary.request_throughput
}

const percentiles = ({ p50, p95, p99 }: Spread) => [p50, p95, p99].map(short).join(' / ')

const short = (ms: number) => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0))

export function hardware(): string {
  const cpu = readCpu()
  const memory = Math.round(totalmem() / 1024 ** 3)
  const ghz = (cpus()[0]?.speed ?? 0) / 1000
  const speed = ghz > 0 ? ` at ${ghz.toFixed(1)} GHz` : ''
  const features = cpu.features.length > 0 ? ` (${cpu.features.join(' ')})` : ''
  return `${cpu.model}${speed}, ${cpu.physicalCores} cores${features}, ${memory} GiB`
}
