/** `aerie bench serve`: how fast a server answers about pictures, at several numbers of clients. */
import { readFile, writeFile } from 'node:fs/promises'
import {
  type Command,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from '../cli/command.ts'
import { COMMON_OPTIONS, countsOption } from './options.ts'

export const serveBenchCommand: Command = {
  name: 'bench serve',
  summary: 'measure a server: TTFT, TPOT, throughput at 1, 4 and 16 clients',
  operands: '[options]',
  details: [
    'Starts a server with default settings, or takes a running one, and asks it about pictures over HTTP',
    'from another process. Every request has a picture of its own, so no cache helps; --cached sends one.',
    'Every answer is held to --max-tokens, as benchmarks of language models do; --natural lets the',
    'model end it, which measures the starter with its answers of a dozen tokens.',
  ],
  options: {
    ...COMMON_OPTIONS,
    clients: {
      type: 'string',
      value: 'list',
      description: 'numbers of clients',
      default: '1,4,16',
    },
    requests: {
      type: 'string',
      value: 'n',
      description: 'requests for each number of clients',
      default: '192',
    },
    rounds: {
      type: 'string',
      value: 'n',
      description: 'in how many turns, one number of clients after the other',
      default: '3',
    },
    cached: { type: 'boolean', description: 'the same picture each time, to measure the caches' },
    natural: { type: 'boolean', description: 'answers end where the model ends them' },
    markdown: {
      type: 'string',
      value: 'file',
      description:
        'also write the report between the bench markers of this file, and a plot beside it',
    },
  },
  configKeys: [],
  examples: [
    'aerie bench serve --clients 1,16 --requests 400',
    'aerie bench serve --url http://127.0.0.1:8000 --json',
  ],
  run: benchServe,
}

async function benchServe(args: ParsedArgs, terminal: Terminal): Promise<number> {
  if (args.positionals.length > 0) throw new UsageError(`unexpected '${args.positionals[0]}'`)
  const requests = integerOption(args, serveBenchCommand, 'requests')!
  const rounds = integerOption(args, serveBenchCommand, 'rounds')!
  const clients = countsOption(args, serveBenchCommand, 'clients', 1024)
  const [{ openTarget }, { measure }, report] = await Promise.all([
    import('./options.ts'),
    import('./measure.ts'),
    import('./report.ts'),
  ])
  const target = await openTarget(args, serveBenchCommand)
  const pictures = args.options.has('cached') ? 'cached' : 'distinct'
  const answers = args.options.has('natural') ? 'natural' : 'exact'
  try {
    const result = await measure(target, { clients, requests, rounds, pictures, answers }, (line) =>
      terminal.stderr.write(`${line}\n`),
    )
    const isJson = args.options.has('json')
    terminal.stdout.write(`${isJson ? report.asJson(result) : report.asTable(result)}\n`)
    const file = args.options.get('markdown')
    if (typeof file === 'string') {
      const plot = file.replace(/(\.md)?$/, '.svg')
      await writeFile(plot, report.asPlot(result))
      await writeFile(
        file,
        report.insert(await readFile(file, 'utf8'), report.asMarkdown(result, plot)),
      )
    }
    return result.levels.some(({ summary }) => summary.failed > 0) ? 1 : 0
  } finally {
    await target.server.stop()
  }
}
