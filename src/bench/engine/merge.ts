/** One report of several runs: parts are measured one after the other, each when the machine is idle. */
import { CommandFailure } from '../../cli/command.ts'
import type { EngineReport } from './report.ts'

/** A run of the command, and what is of it alone. */
export interface Run extends Pick<EngineReport, 'date' | 'loadAverage' | 'limits'> {
  /** Whether speeds of others were measured beside ours: unlike accuracy and scale, that needs an idle machine. */
  readonly isRace: boolean
}

export interface MergedReport extends Omit<EngineReport, keyof Run> {
  /** In the order of their files. */
  readonly runs: readonly Run[]
}

export interface NamedReport {
  /** For messages. */
  readonly file: string
  readonly report: EngineReport
}

/** A whole report of one run. */
export function ofOneRun({ date, loadAverage, limits, ...report }: EngineReport): MergedReport {
  const { models, chats } = report
  const isRace =
    models.some(({ contestants }) => contestants.some(({ isOurs }) => !isOurs)) ||
    chats.some(({ servers }) => servers.length > 1)
  return { ...report, runs: [{ date, loadAverage, limits, isRace }] }
}

/**
 * Of equal parts the later file's stays, where the earlier one was. Throws CommandFailure for runs that cannot stand in one
 * table: of another machine, other settings or other versions.
 */
export function mergeReports(named: readonly NamedReport[]): MergedReport {
  const [first, ...more] = named
  if (!first) throw new Error('nothing to merge')
  return more.reduce((merged, next, i) => {
    for (const earlier of named.slice(0, i + 1)) expectAlike(earlier, next)
    return added(merged, ofOneRun(next.report))
  }, ofOneRun(first.report))
}

function added(earlier: MergedReport, later: MergedReport): MergedReport {
  const { models, chats, accuracy, scale } = later
  const replaced = {
    models: earlier.models.filter((old) => models.some((model) => isSameModel(old, model))),
    chats: earlier.chats.filter((old) => chats.some((one) => isSameChats(old, one))),
    accuracy: accuracy && earlier.accuracy,
  }
  return {
    ...earlier,
    rounds: earlier.models.length > 0 ? earlier.rounds : later.rounds,
    runs: [...earlier.runs, ...later.runs],
    models: withLater(earlier.models, models, isSameModel),
    chats: withLater(earlier.chats, chats, isSameChats),
    accuracy: accuracy ?? earlier.accuracy,
    scale: scale ?? earlier.scale,
    leftOut: [
      ...earlier.leftOut.filter((entry) => !isOf(entry, replaced, earlier)),
      ...later.leftOut,
    ],
  }
}

/** Whether a peer was left out of a part that is not in the report any more. */
function isOf(
  { model, reason }: EngineReport['leftOut'][number],
  replaced: Pick<MergedReport, 'models' | 'chats' | 'accuracy'>,
  { accuracy, chats }: MergedReport,
): boolean {
  const inAccuracy = accuracy?.leftOut.includes(reason) ?? false
  const inChats = chats.some(({ leftOut }) => leftOut.includes(reason))
  if (inAccuracy) return replaced.accuracy !== null
  if (inChats) return replaced.chats.some(({ leftOut }) => leftOut.includes(reason))
  return replaced.models.some(({ name }) => name === model)
}

type Model = EngineReport['models'][number]
type Chats = EngineReport['chats'][number]

const isSameModel = (a: Model, b: Model) => a.name === b.name
const isSameChats = (a: Chats, b: Chats) => a.model === b.model && a.what === b.what

function withLater<T>(
  earlier: readonly T[],
  later: readonly T[],
  isSame: (a: T, b: T) => boolean,
): T[] {
  const kept = earlier.map((old) => later.find((one) => isSame(old, one)) ?? old)
  return [...kept, ...later.filter((one) => !kept.includes(one))]
}

function expectAlike(a: NamedReport, b: NamedReport): void {
  const expectSame = (what: string, of: (report: EngineReport) => unknown) => {
    const [before, now] = [of(a.report), of(b.report)]
    if (before === undefined || now === undefined || before === now) return
    throw new CommandFailure(`--from ${b.file}: ${what} is ${now}, in ${a.file} ${before}`)
  }
  for (const name of ['hardware', 'node', 'backend', 'threads'] as const)
    expectSame(name, (report) => report[name])
  expectSame('rounds', ({ models, rounds }) => (models.length === 0 ? undefined : rounds))
  expectSame('steps', stepsOf)
  expectSame('what measured the machine', ({ limits }) => limits?.source)
  expectSame('the model of accuracy', ({ accuracy }) => accuracy?.model)
  expectSame('the model of scale', ({ scale }) => scale?.model)
  const engines = enginesOf(b.report)
  for (const name of engines.keys())
    expectSame(`the version of ${name}`, (report) => enginesOf(report).get(name))
}

/** Tokens of a decode. */
function stepsOf({ models }: EngineReport): number | undefined {
  const measures = models.flatMap(({ contestants }) =>
    contestants.flatMap(({ figures }) => figures.map(({ measure }) => measure)),
  )
  return measures.find((measure) => measure.kind === 'decode')?.steps
}

/** With their versions, by the name of who took part. */
function enginesOf({ models }: EngineReport): Map<string, string> {
  return new Map(
    models.flatMap(({ contestants }) =>
      contestants.flatMap(({ name, engine }) => (engine === null ? [] : [[name, engine] as const])),
    ),
  )
}
