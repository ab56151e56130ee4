/** `aerie bench engine`: our decoder beside other engines, in turns, on the same machine. */
import { readFile, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import {
  type Command,
  CommandFailure,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from '../../cli/command.ts'
import { readConfig } from '../../config.ts'
import { readCpu } from '../../cpu.ts'
import type { NamedReport } from './merge.ts'
import { PEERS, peersOption } from './peers.ts'
import type { EnginePlan } from './plan.ts'
import type { EngineReport } from './report.ts'
import { SHAPES, type ShapeName } from './shapes.ts'

/** What is measured, in this order. */
export const PARTS = ['decode', 'accuracy', 'chats', 'scale'] as const

export type Part = (typeof PARTS)[number]

export const engineBenchCommand: Command = {
  name: 'bench engine',
  summary: 'measure the decoder beside llama.cpp, OpenVINO GenAI and onnxruntime-genai',
  operands: '[options]',
  details: [
    'Makes decoders of published shapes with random weights, quantises them as an import does and has',
    'the peers’ own tools convert them, all kept in a folder; then reads prompts and makes tokens with',
    'each in turns, every one in a process of its own, and prints rates and how many times as fast ours',
    'is. Peers need a Python with what bench/peers/engine/requirements.txt lists; without --peers ours',
    'is measured alone. A peer that fails or does not answer in time is killed, named and left out.',
    'With --gguf a real model too, by llama.cpp from the very same file, and how exact all are.',
    'Exit code 1 when a peer that was asked for is missing somewhere.',
  ],
  options: {
    peers: {
      type: 'string',
      value: 'names',
      bare: 'all',
      description: `some of ${PEERS.join(',')}; without names all`,
    },
    python: { type: 'string', value: 'path', description: 'a Python', default: 'python3' },
    shapes: {
      type: 'string',
      value: 'list',
      description: `some of ${Object.keys(SHAPES).join(',')}; chats and scale take the first`,
      default: '0.5b,1b',
    },
    gguf: { type: 'string', value: 'file', description: 'a real model, for speed and accuracy' },
    parts: {
      type: 'string',
      value: 'list',
      description: `some of ${PARTS.join(',')}`,
      default: PARTS.join(','),
    },
    rounds: { type: 'string', value: 'n', description: 'turns that count', default: '5' },
    steps: { type: 'string', value: 'n', description: 'tokens of a decode', default: '32' },
    threads: {
      type: 'string',
      value: 'n',
      description: 'threads of each, else one a core',
    },
    clients: { type: 'string', value: 'n', description: 'chats at once', default: '16' },
    contexts: {
      type: 'string',
      value: 'list',
      description: 'positions before each sequence, for the cost of scale',
      default: '128,512,2048,8192,32768',
    },
    sequences: {
      type: 'string',
      value: 'list',
      description: 'sequences at once, for the cost of scale',
      default: '1,2,4,8,16,32',
    },
    limit: {
      type: 'string',
      value: 's',
      description: 'longest time for one answer of an engine',
      default: '300',
    },
    cache: {
      type: 'string',
      value: 'folder',
      description: 'where models are made and kept, else ~/.aerie/bench-engine',
    },
    'convert-only': {
      type: 'boolean',
      description: 'make and convert the --shapes that would be measured, and measure nothing',
    },
    json: { type: 'string', value: 'file', description: 'also write every figure there' },
    from: {
      type: 'string',
      value: 'list',
      description: 'measure nothing: report the files of --json, of equal parts the last',
    },
    markdown: {
      type: 'string',
      value: 'file',
      description:
        'also write the report between the `bench engine` markers of this file, and a plot beside it',
    },
  },
  configKeys: ['backend'],
  examples: [
    'aerie bench engine --peers --python venv/bin/python --json engine.json',
    'aerie bench engine --peers --python venv/bin/python --convert-only',
    'aerie bench engine --peers llama.cpp --shapes 0.5b --parts decode',
    'aerie bench engine --from decode.json,chats.json --markdown docs/performance.md',
  ],
  run: benchEngine,
}

async function benchEngine(args: ParsedArgs, terminal: Terminal): Promise<number> {
  if (args.positionals.length > 0) throw new UsageError(`unexpected '${args.positionals[0]}'`)
  const say = (line: string) => terminal.stderr.write(`${line}\n`)
  if (args.options.has('convert-only')) return await convertOnly(args, say)
  const from = textOption(args, 'from')
  if (from !== undefined) refuseAllBut(args, FOR_REPORTING, '--from measures nothing')
  const { mergeReports, ofOneRun } = await import('./merge.ts')
  const report =
    from === undefined
      ? ofOneRun(await measured(args, say))
      : mergeReports(await Promise.all(from.split(',').map(readReport)))
  const { asMarkdown, asText } = await import('./report.ts')
  terminal.stdout.write(`${asText(report)}\n`)
  const page = textOption(args, 'markdown')
  if (page !== undefined) {
    const [{ insert }, { asScalePlot }] = await Promise.all([
      import('../report.ts'),
      import('./scale-plot.ts'),
    ])
    const plot = page.replace(/(\.md)?$/, '-engine.svg')
    if (report.scale) await writeFile(plot, asScalePlot(report.scale))
    const text = asMarkdown(report, report.scale ? plot : undefined)
    await writeFile(page, insert(await readFile(page, 'utf8'), text, 'bench engine'))
  }
  return from !== undefined || report.leftOut.length === 0 ? 0 : 1
}

/** What `--convert-only` and `--from` heed. */
const FOR_CONVERTING = ['convert-only', 'peers', 'python', 'shapes', 'parts', 'cache']
const FOR_REPORTING = ['from', 'markdown']

/** Throws UsageError for a flag that would mean nothing. */
function refuseAllBut(
  { options, config, configFile }: ParsedArgs,
  heeded: readonly string[],
  why: string,
): void {
  const given = [...options.keys(), ...Object.keys(config)]
  if (configFile !== undefined) given.push('config')
  for (const name of given) if (!heeded.includes(name)) throw new UsageError(`--${name}: ${why}`)
}

async function convertOnly(args: ParsedArgs, say: (line: string) => void): Promise<number> {
  if (args.options.has('gguf'))
    throw new UsageError(
      '--gguf: --convert-only makes models of --shapes alone; what a file becomes is made when it is measured',
    )
  refuseAllBut(args, FOR_CONVERTING, '--convert-only measures nothing')
  const { convertModels } = await import('./plan.ts')
  const leftOut = await convertModels(await planOf(args), say)
  return leftOut.length === 0 ? 0 : 1
}

async function measured(args: ParsedArgs, say: (line: string) => void): Promise<EngineReport> {
  const { measureEngines } = await import('./plan.ts')
  const json = textOption(args, 'json')
  return await measureEngines(await planOf(args), say, async (report) => {
    if (json !== undefined) await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`)
  })
}

async function planOf(args: ParsedArgs): Promise<EnginePlan> {
  const number = (name: string) => integerOption(args, engineBenchCommand, name)
  const { countsOption } = await import('../options.ts')
  const { chooseBackend } = await import('../../engine/backends/choose.ts')
  const counts = (name: string, most: number) => countsOption(args, engineBenchCommand, name, most)
  return {
    peers: peersOption(textOption(args, 'peers')),
    shapes: namesOption(args, 'shapes', Object.keys(SHAPES) as ShapeName[]),
    parts: namesOption(args, 'parts', PARTS),
    gguf: textOption(args, 'gguf'),
    python: textOption(args, 'python')!,
    rounds: number('rounds')!,
    steps: number('steps')!,
    threads: number('threads') ?? readCpu().physicalCores,
    clients: number('clients')!,
    contexts: counts('contexts', 1 << 20),
    sequences: counts('sequences', 1024),
    limitMs: number('limit')! * 1000,
    cache: textOption(args, 'cache') ?? join(homedir(), '.aerie', 'bench-engine'),
    // Every decoder here has a native program.
    backend: chooseBackend((await readConfig(args.config, args.configFile)).backend, {}).name,
  }
}

async function readReport(file: string): Promise<NamedReport> {
  let report: Partial<EngineReport> | null
  try {
    report = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new CommandFailure(`--from ${file}: ${(error as Error).message}`)
  }
  if (!isReport(report))
    throw new CommandFailure(`--from ${file}: expected what --json of this version wrote`)
  return { file, report }
}

/** Whether it has the parts, in the form of this version. */
function isReport(report: Partial<EngineReport> | null): report is EngineReport {
  const { models, leftOut, chats, scale }: Partial<EngineReport> = report ?? {}
  return (
    Array.isArray(models) &&
    Array.isArray(leftOut) &&
    Array.isArray(chats) &&
    chats.flatMap(({ servers }) => servers).every(({ ttftMs }) => typeof ttftMs === 'object') &&
    (scale === null || Array.isArray(scale?.points))
  )
}

function textOption(args: ParsedArgs, name: string): string | undefined {
  const value = args.options.get(name) ?? engineBenchCommand.options[name]?.default
  return value === undefined ? undefined : String(value)
}

function namesOption<Name extends string>(
  args: ParsedArgs,
  option: string,
  known: readonly Name[],
): readonly Name[] {
  return textOption(args, option)!
    .split(',')
    .map((name) => {
      const found = known.find((one) => one === name)
      if (found !== undefined) return found
      throw new UsageError(`--${option}: expected some of ${known.join(',')}, got '${name}'`)
    })
}
