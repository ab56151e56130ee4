/** `aerie bench import`: how fast a checkpoint becomes a package, beside a plain copy, and what a kill does to it. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Command,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from '../cli/command.ts'
import { formatBytes } from '../cli/transfer-progress.ts'
import type { ImportRun } from './import-runs.ts'
import { median } from './median.ts'
import type { RandomCheckpoint } from './random-checkpoint.ts'

export const importBenchCommand: Command = {
  name: 'bench import',
  summary: 'measure an import beside a plain copy, its memory, and kill it',
  operands: '[options]',
  details: [
    'Writes a random checkpoint of Llama 7B shapes, copies it and imports it in turns, each from a cold',
    'cache where that can be had, and then kills imports at random instants: the last one has to end in',
    'the same package. Takes about three times the checkpoint on the disk; all of it is removed.',
    'Exit code 1 when the packages differ.',
  ],
  options: {
    layers: {
      type: 'string',
      value: 'n',
      description: 'of 405 MB each, beside 524 MB of embeddings; Llama 7B has 32',
      default: '8',
    },
    hidden: { type: 'string', value: 'n', description: 'width of the model', default: '4096' },
    rounds: { type: 'string', value: 'n', description: 'copies and imports', default: '3' },
    kills: { type: 'string', value: 'n', description: 'imports that are killed', default: '5' },
    dir: {
      type: 'string',
      value: 'folder',
      description: 'where to work, else that for temporary files',
    },
    warm: { type: 'boolean', description: 'leave the checkpoint in the page cache' },
    json: { type: 'boolean', description: 'the numbers as JSON' },
  },
  configKeys: [],
  examples: ['aerie bench import --layers 32 --dir /data', 'aerie bench import --kills 20'],
  run: benchImport,
}

interface Report {
  readonly checkpoint: Omit<RandomCheckpoint, 'files'>
  readonly cache: 'cold' | 'warm'
  /** Seconds of each round. */
  readonly copy: readonly number[]
  readonly import: readonly number[]
  /** Median speed of the imports by that of the copies. */
  readonly ofCopy: number
  readonly peakBytes: number | undefined
  readonly kills: number
  readonly isSamePackage: boolean
}

async function benchImport(args: ParsedArgs, terminal: Terminal): Promise<number> {
  if (args.positionals.length > 0) throw new UsageError(`unexpected '${args.positionals[0]}'`)
  const option = (name: string, least: number) =>
    integerOption(args, importBenchCommand, name, least)!
  const sizes = { layers: option('layers', 1), hidden: option('hidden', 64) }
  const counts = { rounds: option('rounds', 1), kills: option('kills', 0) }
  const dir = args.options.get('dir')
  const scratch = await mkdtemp(join(typeof dir === 'string' ? dir : tmpdir(), 'aerie-bench-'))
  try {
    const say = (line: string) => terminal.stderr.write(`${line}\n`)
    const report = await measure(
      scratch,
      { ...sizes, ...counts, isWarm: args.options.has('warm') },
      say,
    )
    const text = args.options.has('json') ? JSON.stringify(report, undefined, 2) : asText(report)
    terminal.stdout.write(`${text}\n`)
    return report.isSamePackage ? 0 : 1
  } finally {
    await rm(scratch, { recursive: true })
  }
}

interface Measurement {
  readonly layers: number
  readonly hidden: number
  readonly rounds: number
  readonly kills: number
  readonly isWarm: boolean
}

async function measure(
  scratch: string,
  { layers, hidden, rounds, kills, isWarm }: Measurement,
  say: (line: string) => void,
): Promise<Report> {
  const [{ llama7b, writeRandomCheckpoint }, runs] = await Promise.all([
    import('./random-checkpoint.ts'),
    import('./import-runs.ts'),
  ])
  const folder = join(scratch, 'checkpoint')
  say('writing a checkpoint …')
  const { files, ...checkpoint } = await writeRandomCheckpoint(folder, llama7b(layers, hidden))
  let isCold = !isWarm
  const prepare = async () => {
    if (isCold) isCold = await runs.dropFromCache(folder, files)
  }
  const copies: number[] = []
  const imports: ImportRun[] = []
  const models = join(scratch, 'models')
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds} …`)
    await prepare()
    const copy = join(scratch, 'copy')
    copies.push(await runs.timedCopy(folder, files, copy))
    await runs.settle(copy, files)
    await prepare()
    imports.push(await runs.timedImport(folder, models))
    await runs.settle(join(models, (await readdir(models))[0]!), files)
  }
  const seconds = imports.map((run) => run.seconds)
  const digests = new Set(imports.map(({ digest }) => digest))
  let killed = 0
  for (let i = 0; i < kills; i++) {
    say(`kill ${i + 1} of ${kills} …`)
    if (await runs.killedImport(folder, models, Math.random() * median(seconds) * 1000)) killed += 1
    else await rm(models, { recursive: true })
  }
  if (kills > 0) digests.add((await runs.timedImport(folder, models)).digest)
  return {
    checkpoint,
    cache: isCold ? 'cold' : 'warm',
    copy: copies,
    import: seconds,
    ofCopy: median(copies) / median(seconds),
    peakBytes: imports
      .map(({ peakBytes }) => peakBytes)
      .reduce((a, b) => (a === undefined || b === undefined ? a : Math.max(a, b))),
    kills: killed,
    isSamePackage: digests.size === 1,
  }
}

function asText(report: Report): string {
  const { bytes, largestTensorBytes } = report.checkpoint
  const row = (what: string, seconds: readonly number[]) =>
    `${what}: ${seconds.map((s) => s.toFixed(1)).join(', ')} s; median ${formatBytes(bytes / median(seconds))}/s`
  const { peakBytes } = report
  return [
    `checkpoint: ${formatBytes(bytes)}, largest tensor ${formatBytes(largestTensorBytes)}; ${report.cache} cache`,
    row('copy', report.copy),
    row('import', report.import),
    `import at ${(report.ofCopy * 100).toFixed(0)} % of the copy's speed`,
    peakBytes === undefined
      ? 'peak memory: not known here'
      : `peak memory: ${formatBytes(peakBytes)}, ${formatBytes(Math.max(0, peakBytes - largestTensorBytes))} beyond the largest tensor`,
    `killed ${report.kills} times; ${report.isSamePackage ? 'the same package every time' : 'the packages DIFFER'}`,
  ].join('\n')
}
