/** `aerie bench soak`: whether memory stays flat, and within its bound, and nothing is left over after thousands of requests. */
import {
  type Command,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from '../../cli/command.ts'
import { COMMON_OPTIONS } from '../options.ts'

export const soakCommand: Command = {
  name: 'bench soak',
  summary: 'send thousands of requests and compare resident memory',
  operands: '[model] [options]',
  details: [
    'Compares resident memory after the tenth of the requests that filled the caches, and after all.',
    'Requests are about pictures; with --mix of many kinds: texts and pictures, short and long, streams,',
    'several choices, priorities, clients that leave, and requests that have to be refused. A server',
    'that was started for it is also held to a limit whenever nothing is under way: the files of its',
    'weights, kvCacheBytes, encoderCacheBytes and 200 MB for all else.',
    'Exit code 1 when memory grew by more than 10 % or was above the limit, when the caches were full',
    'only in the last half, so that growth cannot be judged, when a request did not end as it has to',
    'within ten minutes, or when a sequence or a picture is left over.',
  ],
  options: {
    ...COMMON_OPTIONS,
    'max-tokens': { ...COMMON_OPTIONS['max-tokens']!, default: '8' },
    requests: { type: 'string', value: 'n', description: 'requests in all', default: '5000' },
    clients: { type: 'string', value: 'n', description: 'number of clients', default: '8' },
    mix: { type: 'boolean', description: 'mixed traffic for --minutes, instead of --requests' },
    minutes: { type: 'string', value: 'n', description: 'how long the mix goes on, else 30' },
  },
  configKeys: [],
  examples: [
    'aerie bench soak --requests 1000',
    'aerie bench soak --mix --minutes 30',
    'aerie bench soak --url http://127.0.0.1:8000',
  ],
  run: soak,
}

const DEFAULT_MINUTES = 30

async function soak(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const [model, ...more] = args.positionals
  if (more.length > 0) throw new UsageError(`unexpected '${more[0]}'`)
  const isMix = args.options.has('mix')
  refuseUnused(args, isMix, model)
  const requests = integerOption(args, soakCommand, 'requests', 20)!
  const clients = integerOption(args, soakCommand, 'clients')!
  const minutes = integerOption(args, soakCommand, 'minutes') ?? DEFAULT_MINUTES
  const [{ openTarget }, { readConfig }, { memoryLimit }, { mixedTraffic, pictureTraffic }, run] =
    await Promise.all([
      import('../options.ts'),
      import('../../config.ts'),
      import('./memory-limit.ts'),
      import('./phases.ts'),
      import('./run.ts'),
    ])
  const isOurs = !args.options.has('url')
  const limit = isOurs
    ? await memoryLimit(await readConfig(model === undefined ? {} : { model }))
    : undefined
  const target = await openTarget(args, soakCommand, model === undefined ? [] : [model])
  try {
    const traffic = isMix
      ? await mixedTraffic(target, clients, minutes * 60_000)
      : pictureTraffic(target, clients, requests)
    const say = (line: string) => terminal.stderr.write(`${line}\n`)
    const result = await run.soakServer(target, traffic, limit, say).finally(traffic.stop)
    const { asJson, asText } = await import('./report.ts')
    terminal.stdout.write(`${args.options.has('json') ? asJson(result) : asText(result)}\n`)
    return run.isGood(result) ? 0 : 1
  } finally {
    await target.server.stop()
  }
}

/** What would be taken and not heeded. */
function refuseUnused(args: ParsedArgs, isMix: boolean, model: string | undefined): void {
  const refuse = (name: string, why: string) => {
    if (args.options.has(name)) throw new UsageError(`--${name}: ${why}`)
  }
  if (isMix) {
    refuse('requests', '--mix goes on for --minutes')
    refuse('question', '--mix has questions of its own')
    refuse('max-tokens', '--mix has answers of its own lengths')
  } else refuse('minutes', 'only of --mix')
  if (model !== undefined) refuse('url', 'that server has its model already')
}
