/** The engines' benchmark as a table and as Markdown. */
import { basename } from 'node:path'
import { alignedTable, markdownTable, type Rows } from '../table.ts'
import type { AccuracyReport } from './accuracy.ts'
import type { ChatsReport } from './chats.ts'
import type { MachineLimits } from './limits.ts'
import type { ScaleReport } from './scale.ts'
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
export function asText(report: EngineReport): string {
  return sections(report, alignedTable).join('\n\n')
}

/** For docs/performance.md; `plot` is the path of the picture beside it, when there is one. */
export function asMarkdown(report: EngineReport, plot: string | undefined): string {
  const parts = sections(report, markdownTable)
  if (report.scale && plot !== undefined)
    parts.push(`![Throughput by sequences and by context](${basename(plot)})`)
  return parts.join('\n\n')
}

function sections(report: EngineReport, table: (rows: Rows) => string): string[] {
  return [
    heading(report),
    ...report.models.flatMap((model) => modelSection(model, table)),
    ...report.leftOut.map(({ peer, model, reason }) => `Left out of ${model}: ${peer}. ${reason}`),
    ...(report.accuracy ? accuracySection(report.accuracy, table) : []),
    ...report.chats.flatMap((chats) => chatsSection(chats, table)),
    ...(report.scale ? scaleSection(report.scale, table) : []),
  ]
}

function heading(report: EngineReport): string {
  const { limits } = report
  const machine = limits
    ? `The machine by ${limits.source} on ${limits.threads} threads: reads ${(limits.readBytesPerSecond / 1e9).toFixed(1)} GB/s, ` +
      `${(limits.floatOperationsPerSecond / 1e9).toFixed(0)} GFLOP/s in float32, ` +
      `${(limits.byteOperationsPerSecond / 1e9).toFixed(0)} GOP/s in int8, ` +
      `${(limits.nibbleOperationsPerSecond / 1e9).toFixed(0)} with weights of 4 bits.`
    : 'The limits of the machine were not measured: no native runtime.'
  return (
    `${report.date}, ${report.hardware}, Node ${report.node}, backend ${report.backend}, ${report.threads} threads, ` +
    `${report.rounds} rounds in turns; load average before: ${report.loadAverage.toFixed(1)}. ${machine}` +
    (report.loadAverage > MOST_LOAD * report.threads ? BUSY : '')
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
        'TTFT ms p50',
        'failed',
      ],
      ...chats.servers.map((server) => [
        server.name,
        server.form,
        `${server.requestsPerSecond.toFixed(2)} (${server.best.toFixed(2)})`,
        server.tokensPerSecond.toFixed(0),
        server.tokensPerAnswer.toFixed(1),
        server.ttftMs.toFixed(0),
        String(server.failed),
      ]),
    ]),
    ...(chats.ratio === null ? [] : [`Ours answers ${chats.ratio.toFixed(2)} times as many.`]),
  ]
}

function scaleSection(scale: ScaleReport, table: (rows: Rows) => string): string[] {
  const rows = [...scale.bySequences, ...scale.byContext].map((point) => [
    String(point.sequences),
    String(point.context),
    rounded(point.tokensPerSecond),
  ])
  return [
    `Cost of scale, ${scale.model}, ${scale.engine}: tokens/s of all sequences together`,
    table([['sequences', 'context', 'tokens/s'], ...rows]),
    ...scale.missing.map((what) => `Missing: ${what}`),
  ]
}

const millions = (count: number) => Number((count / 1e6).toPrecision(3))

const rounded = (value: number) => value.toFixed(value < 100 ? 1 : 0)
