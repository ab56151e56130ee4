/** The engines' benchmark as a table and as Markdown. */
import { basename } from 'node:path'
import { alignedTable, markdownTable, type Rows } from '../table.ts'
import type { AccuracyReport } from './accuracy.ts'
import type { ChatsReport } from './chats.ts'
import type { MachineLimits } from './limits.ts'
import type { MergedReport } from './merge.ts'
import type { ScaleReport } from './scale.ts'
import { scaleVerdict } from './scale-verdict.ts'
import type { StepWeights } from './shapes.ts'
import type { ContestantReport, Ratio } from './summary.ts'

/** One model, measured by all. */
export interface ModelReport {
  readonly name: string
  readonly weights: StepWeights
  readonly contestants: readonly ContestantReport[]
  readonly ratios: readonly Ratio[]
}

/** What `--json` writes. */
export interface EngineReport {
  readonly date: string
  readonly hardware: string
  readonly node: string
  /** Of the machine when it began: what else was running. */
  readonly loadAverage: number
  readonly backend: string
  readonly threads: number
  readonly rounds: number
  /** Null where the native runtime, which measures them, was missing. */
  readonly limits: MachineLimits | null
  readonly models: readonly ModelReport[]
  /** Peers that were asked for and are missing in a model, each with the reason. */
  readonly leftOut: readonly {
    readonly peer: string
    readonly model: string
    readonly reason: string
  }[]
  readonly accuracy: AccuracyReport | null
  readonly chats: readonly ChatsReport[]
  readonly scale: ScaleReport | null
}

/** Of the threads of an engine, what others may have taken before. */
const MOST_LOAD = 0.5
/** llama.cpp's threads wait for each other by spinning: one that is kept from running makes a step take hundreds of times as long. */
const BUSY =
  ' THE MACHINE WAS BUSY when this began: engines lose unlike shares of their speed then, and no ratio here is to be quoted.'

/** For the terminal. */
export function asText(report: MergedReport): string {
  return sections(report, alignedTable).join('\n\n')
}

/** For docs/performance.md; `plot` is the path of the picture beside it, when there is one. */
export function asMarkdown(report: MergedReport, plot: string | undefined): string {
  const parts = sections(report, markdownTable)
  if (report.scale && plot !== undefined)
    parts.push(`![Throughput by sequences and by context](${basename(plot)})`)
  return parts.join('\n\n')
}

function sections(report: MergedReport, table: (rows: Rows) => string): string[] {
  return [
    heading(report),
    ...report.models.flatMap((model) => modelSection(model, table)),
    ...report.leftOut.map(({ peer, model, reason }) => `Left out of ${model}: ${peer}. ${reason}`),
    ...(report.accuracy ? accuracySection(report.accuracy, table) : []),
    ...report.chats.flatMap((chats) => chatsSection(chats, table)),
    ...(report.scale ? scaleSection(report.scale, table) : []),
  ]
}

function heading({ runs, ...report }: MergedReport): string {
  const dates = runs.map(({ date }) => date).sort()
  const loads = runs.map(({ loadAverage }) => loadAverage)
  const isBusy = runs.some((run) => run.isRace && run.loadAverage > MOST_LOAD * report.threads)
  const count = runs.length === 1 ? '' : `${runs.length} runs, `
  return (
    `${[...new Set([dates[0], dates.at(-1)])].join(' to ')}, ${report.hardware}, Node ${report.node}, backend ${report.backend}, ` +
    `${report.threads} threads, ${count}${report.rounds} rounds in turns; ` +
    `load average before: ${loads.map((load) => load.toFixed(1)).join(', ')}. ${machine(runs)}` +
    (isBusy ? BUSY : '')
  )
}

/** As each run measured it: shares of a part are those of the limits of its run. */
function machine(runs: MergedReport['runs']): string {
  const limits = runs.flatMap(({ limits }) => limits ?? [])
  const [first] = limits
  if (!first) return 'The limits of the machine were not measured: no native runtime.'
  const range = (of: (limits: MachineLimits) => number, digits: number) => {
    const values = limits.map((one) => of(one) / 1e9)
    const ends = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits))
    return [...new Set(ends)].join(' to ')
  }
  return (
    `The machine by ${first.source} on ${first.threads} threads: reads ${range((one) => one.readBytesPerSecond, 1)} GB/s, ` +
    `${range((one) => one.floatOperationsPerSecond, 0)} GFLOP/s in float32, ` +
    `${range((one) => one.byteOperationsPerSecond, 0)} GOP/s in int8, ` +
    `${range((one) => one.nibbleOperationsPerSecond, 0)} with weights of 4 bits.`
  )
}

function modelSection(
  { name, weights, contestants, ratios }: ModelReport,
  table: (rows: Rows) => string,
): string[] {
  const measures = [
    ...new Set(contestants.flatMap(({ figures }) => figures.map((figure) => figure.name))),
  ]
  const rates = contestants.map((contestant) => [
    contestant.name,
    contestant.bitsPerWeight?.toFixed(2) ?? '',
    ...measures.map((measure) => cell(contestant, measure)),
  ])
  const pairs = [...new Set(ratios.map(({ ours, peer }) => `${ours} : ${peer}`))]
  const compared = pairs.map((pair) => [
    pair,
    '',
    ...measures.map((measure) => {
      const of = ratios.find((r) => `${r.ours} : ${r.peer}` === pair && r.measure === measure)
      return of ? `${of.median.toFixed(2)} × (${of.best.toFixed(2)})` : ''
    }),
  ])
  const settings = contestants.map(
    ({ name, engine, settings, failure }) =>
      `- ${name}: ${[engine, settings].filter(Boolean).join('; ')}${failure === null ? '' : ` — left out: ${failure}`}`,
  )
  return [
    `${name}, ${millions(weights.layers + weights.head)} million weights a step: tokens/s, median (best); of a decode also the share of ` +
      `the machine's read bandwidth, of a prefill that of its int8 operations; then how many times as fast ours is, by medians (by best rounds)`,
    table([['', 'bits', ...measures], ...rates, ...compared]),
    settings.join('\n'),
  ]
}

function cell({ figures }: ContestantReport, measure: string): string {
  const figure = figures.find(({ name }) => name === measure)
  if (!figure) return ''
  const share = figure.bandwidthShare ?? figure.operationShare
  const rate = `${rounded(figure.median)} (${rounded(figure.best)})`
  return share === null ? rate : `${rate}, ${(100 * share).toFixed(0)} %`
}

function accuracySection(
  { text, positions, window, rows }: AccuracyReport,
  table: (rows: Rows) => string,
): string[] {
  return [
    `Against float32 on ${positions} positions of ${text}, in pieces of ${window}`,
    table([
      ['', 'bits', 'KL mean', 'KL largest', 'likeliest token equal', 'perplexity'],
      ...rows.map((row) => [
        row.name,
        row.bitsPerWeight.toFixed(2),
        row.divergenceMean.toExponential(2),
        row.divergenceLargest.toExponential(1),
        `${(100 * row.likeliestEqual).toFixed(1)} %`,
        row.perplexity.toFixed(3),
      ]),
    ]),
  ]
}

function chatsSection(chats: ChatsReport, table: (rows: Rows) => string): string[] {
  return [
    `${chats.model}: ${chats.clients} chats at once over HTTP, ${chats.what}`,
    table([
      [
        '',
        'weights',
        'requests/s, median (best)',
        'tokens/s out',
        'tokens an answer',
        'TTFT ms p50 / p95',
        'failed',
      ],
      ...chats.servers.map((server) => [
        server.name,
        server.form,
        `${server.requestsPerSecond.toFixed(2)} (${server.best.toFixed(2)})`,
        server.tokensPerSecond.toFixed(0),
        server.tokensPerAnswer.toFixed(1),
        `${server.ttftMs.p50.toFixed(0)} / ${server.ttftMs.p95.toFixed(0)}`,
        String(server.failed),
      ]),
    ]),
    ...(chats.ratio === null ? [] : [`Ours answers ${chats.ratio.toFixed(2)} times as many.`]),
  ]
}

/** A row for each context, a column for each number of sequences. */
function scaleSection(scale: ScaleReport, table: (rows: Rows) => string): string[] {
  const { points } = scale
  const valuesOf = (of: 'context' | 'sequences') =>
    [...new Set(points.map((point) => point[of]))].sort((a, b) => a - b)
  const sequences = valuesOf('sequences')
  const rows = valuesOf('context').map((context) => [
    `behind ${context}`,
    ...sequences.map((count) => {
      const point = points.find((one) => one.context === context && one.sequences === count)
      return point ? rounded(point.tokensPerSecond) : ''
    }),
  ])
  return [
    `Cost of scale, ${scale.model}, ${scale.engine}, ${scale.settings}: tokens/s of all sequences together, by how many they are; ` +
      'each has keys and values of its own',
    table([['', ...sequences.map((count) => `${count} ×`)], ...rows]),
    [...scaleVerdict(points), ...scale.missing.map((what) => `Missing: ${what}`)]
      .map((line) => `- ${line}`)
      .join('\n'),
  ]
}

const millions = (count: number) => Number((count / 1e6).toPrecision(3))

const rounded = (value: number) => value.toFixed(value < 100 ? 1 : 0)
