/** `aerie bench encoder`: what it costs to see a picture with all towers of a model, and with each of them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Graph } from '../../models/graph/graph.ts'
import {
  type Command,
  CommandFailure,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from '../cli/command.ts'
import { formatBytes } from '../cli/transfer-progress.ts'
import type { EncoderJob } from './encoder-runners.ts'
import type { MeasuredRun } from './measured-program.ts'
import { median } from './median.ts'
import { runOptions } from './options.ts'
import { alignedTable, markdownTable, type Rows } from './table.ts'

export const encoderBenchCommand: Command = {
  name: 'bench encoder',
  summary: 'measure all towers of a model together, and each alone',
  operands: '[<model>] [options]',
  details: [
    'Loads the encoder as a server does and sends it a picture of photo size, then several at once;',
    'then loads each tower alone, and runs it with one tile and with several in one run. Each is in',
    'a process of its own, whose peak memory is printed. Without a model, a checkpoint with random',
    'weights in the shapes of Eagle-X5-7B’s five towers is written (4.6 GB) and removed afterwards.',
  ],
  options: {
    ...runOptions({ pictures: '4', rounds: '3' }),
    towers: { type: 'boolean', description: 'only one tower after the other: less memory' },
    dir: {
      type: 'string',
      value: 'folder',
      description: 'where to write, else that for temporary files',
    },
    markdown: { type: 'string', value: 'file', description: 'write the table into a page' },
    json: { type: 'boolean', description: 'the numbers as JSON' },
  },
  configKeys: [],
  examples: ['aerie bench encoder --dir /data', 'aerie bench encoder ./models/eagle-x5 --towers'],
  run: benchEncoder,
}

/** A first run that takes longer counts. */
const WARM_SECONDS = 2

interface PartReport {
  readonly name: string
  readonly parameters: number
  readonly loadSeconds: number
  /** Of one picture, or of one tile for a tower alone. */
  readonly seconds: number
  /** Of all cores together. */
  readonly cpuSeconds: number
  /** As above, of each of several at once. */
  readonly cpuSecondsOfSeveral: number
  readonly secondsOfSeveral: number
  readonly peakBytes: number
  /** Of the whole alone: what it took to decode and resize a picture, and how many runs the several were. */
  readonly prepareSeconds: number | undefined
  readonly runs: number | undefined
}

interface Report {
  readonly model: string
  /** Side of what the preprocessing gives, in pixels. */
  readonly size: number
  readonly pictures: number
  readonly rounds: number
  readonly threads: number
  /** Undefined with `--towers`. */
  readonly whole: PartReport | undefined
  readonly towers: readonly PartReport[]
}

async function benchEncoder(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const [model, ...more] = args.positionals
  if (more.length > 0) throw new UsageError(`unexpected '${more[0]}'`)
  const number = (name: string) => integerOption(args, encoderBenchCommand, name)!
  const counts = {
    pictures: number('pictures'),
    rounds: number('rounds'),
    threads: number('threads'),
    isWhole: !args.options.has('towers'),
  }
  const say = (line: string) => terminal.stderr.write(`${line}\n`)
  const dir = args.options.get('dir')
  const scratch = await mkdtemp(join(typeof dir === 'string' ? dir : tmpdir(), 'aerie-bench-'))
  try {
    const folder = model ?? (await writeEagle(scratch, say))
    const name = model ?? 'Eagle-X5-7B’s towers, random bfloat16 weights'
    const report = await measure({ folder, name, ...counts }, say)
    const isJson = args.options.has('json')
    const text = isJson ? JSON.stringify(report, undefined, 2) : asText(report)
    terminal.stdout.write(`${text}\n`)
    const page = args.options.get('markdown')
    if (typeof page === 'string') await writePage(page, report)
    return 0
  } finally {
    await rm(scratch, { recursive: true })
  }
}

async function writeEagle(folder: string, say: (line: string) => void): Promise<string> {
  const [{ writeRandomCheckpoint }, { EAGLE_X5_EYES }] = await Promise.all([
    import('./random-checkpoint.ts'),
    import('./random-configs.ts'),
  ])
  say('writing a checkpoint …')
  await writeRandomCheckpoint(folder, EAGLE_X5_EYES)
  return folder
}

interface Plan {
  readonly folder: string
  readonly name: string
  readonly pictures: number
  readonly rounds: number
  readonly threads: number
  readonly isWhole: boolean
}

async function measure(plan: Plan, say: (line: string) => void): Promise<Report> {
  const [{ openModelSource }, { partUpTo }] = await Promise.all([
    import('../weights/model-source.ts'),
    import('../../models/graph/part.ts'),
  ])
  const { folder, name, pictures, rounds, threads } = plan
  const { family, config, graphs, preprocessing } = (await openModelSource(folder)).model
  const { encoder, decoder } = graphs
  if (!encoder || !decoder || !preprocessing)
    throw new CommandFailure(`${folder}: expected a model that answers about pictures`)
  const measured = async (part: string, graph: Graph, job: EncoderJob) =>
    await measurePart(plan, { name: part, parameters: parametersOf(graph), job }, say)
  const whole = plan.isWhole ? await measured('all', encoder, { folder, threads }) : undefined
  const towers: PartReport[] = []
  for (const { name: tower, stage } of family.towers?.(config) ?? [])
    towers.push(await measured(tower, partUpTo(encoder, stage), { folder, threads, stage }))
  return { model: name, size: preprocessing.size, pictures, rounds, threads, whole, towers }
}

interface Part {
  readonly name: string
  readonly parameters: number
  readonly job: EncoderJob
}

async function measurePart(
  { pictures, rounds }: Plan,
  { name, parameters, job }: Part,
  say: (line: string) => void,
): Promise<PartReport> {
  const { startMeasured } = await import('./measured-process.ts')
  say(`loading ${name} …`)
  await using process = await startMeasured('encoder-program.ts', job, name)
  // The first run makes room for what later ones find. In one that takes seconds that is nothing.
  const first = await process.run()
  const alone: MeasuredRun[] = first.seconds > WARM_SECONDS ? [first] : []
  const together: MeasuredRun[] = []
  for (let round = 0; round < rounds; round++) {
    if (alone.length === round) alone.push(await process.run())
    together.push(pictures > 1 ? await process.run(pictures) : alone[round]!)
    say(`  round ${round + 1} of ${rounds}: ${alone[round]!.seconds.toFixed(2)} s`)
  }
  const { peakBytes, prepareSeconds, runs } = together.at(-1)!
  const of = (key: 'seconds' | 'cpuSeconds', some: readonly MeasuredRun[]) =>
    median(some.map((run) => run[key]))
  return {
    ...{ name, parameters, loadSeconds: process.loadSeconds, peakBytes, prepareSeconds, runs },
    seconds: of('seconds', alone),
    cpuSeconds: of('cpuSeconds', alone),
    secondsOfSeveral: of('seconds', together) / pictures,
    cpuSecondsOfSeveral: of('cpuSeconds', together) / pictures,
  }
}

function parametersOf({ weights }: Graph): number {
  return weights
    .filter(({ derived }) => !derived)
    .reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0)
}

function rowsOf({ whole, towers, pictures }: Report): Rows {
  const all = towers.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
  const row = (part: PartReport, share: string) => [
    part.name,
    `${Number((part.parameters / 1e6).toPrecision(3))} M`,
    part.loadSeconds.toFixed(1),
    seconds(part.seconds),
    seconds(part.cpuSeconds),
    share,
    seconds(part.secondsOfSeveral),
    seconds(part.cpuSecondsOfSeveral),
    part.runs === undefined ? '1' : String(part.runs),
    formatBytes(part.peakBytes),
  ]
  return [
    [
      '',
      'parameters',
      'load s',
      'one, s',
      'processor s',
      'share',
      `of ${pictures}, s each`,
      'processor s each',
      'runs',
      'peak memory',
    ],
    ...towers.map((part) => row(part, `${((100 * part.cpuSeconds) / all).toFixed(0)} %`)),
    ...(whole ? [row(whole, '')] : []),
  ]
}

const seconds = (value: number) => value.toPrecision(3)

function headOf({ model, size, threads, rounds, whole }: Report): string {
  const made = whole?.prepareSeconds
  const ready = made === undefined ? '' : `, decoded and resized in ${(made * 1000).toFixed(0)} ms`
  return `${model}; ${size} × ${size} pixels${ready}; ${threads} threads, medians of ${rounds}`
}

function asText(report: Report): string {
  return [headOf(report), alignedTable(rowsOf(report))].join('\n')
}

async function writePage(page: string, report: Report): Promise<void> {
  const { hardware, insert } = await import('./report.ts')
  const date = new Date().toISOString().slice(0, 10)
  const head = `${date}, ${hardware()}, Node ${process.versions.node}. ${headOf(report)}.`
  const text = [head, '', markdownTable(rowsOf(report))].join('\n')
  await writeFile(page, insert(await readFile(page, 'utf8'), text, 'bench encoder'))
}
