/** The flags that both benchmarks take, and the server that they lead to. */
import { availableParallelism } from 'node:os'
import {
  type Command,
  CommandFailure,
  integerOption,
  type OptionSpec,
  type ParsedArgs,
  UsageError,
} from '../cli/command.ts'
import { get } from './http-get.ts'
import { type BenchServer, runningServer, startServerProcess } from './server-process.ts'

export const COMMON_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  url: {
    type: 'string',
    value: 'url',
    description: 'a server that runs already; without it one is started',
  },
  'api-key': { type: 'string', value: 'key', description: 'key for that server' },
  model: {
    type: 'string',
    value: 'name',
    description: 'model to ask, by default the first one served',
  },
  question: {
    type: 'string',
    value: 'text',
    description: 'what to ask about each picture',
    default: 'describe the picture.',
  },
  'max-tokens': {
    type: 'string',
    value: 'n',
    description: 'longest answer in tokens',
    default: '64',
  },
  seed: {
    type: 'string',
    value: 'n',
    description: 'pictures of another seed are other pictures',
    default: '1',
  },
  json: { type: 'boolean', description: 'the numbers as JSON' },
}

/** Of benchmarks that run the same pictures again and again on this machine. */
export function runOptions(defaults: {
  readonly pictures: string
  readonly rounds: string
}): Readonly<Record<string, OptionSpec>> {
  return {
    pictures: {
      type: 'string',
      value: 'n',
      description: 'pictures at once',
      default: defaults.pictures,
    },
    rounds: {
      type: 'string',
      value: 'n',
      description: 'runs of each that count',
      default: defaults.rounds,
    },
    threads: {
      type: 'string',
      value: 'n',
      description: 'threads of each',
      default: String(availableParallelism()),
    },
  }
}

export interface BenchTarget {
  readonly server: BenchServer
  readonly apiKey: string | undefined
  readonly model: string
  readonly question: string
  readonly maxTokens: number
  readonly seed: number
}

/** Starts or finds the server and asks it for its model; `flags` are for one that is started. */
export async function openTarget(
  args: ParsedArgs,
  command: Command,
  flags: readonly string[] = [],
): Promise<BenchTarget> {
  const text = (name: string) => {
    const value = args.options.get(name)
    return typeof value === 'string' ? value : command.options[name]?.default
  }
  const maxTokens = integerOption(args, command, 'max-tokens')!
  const seed = integerOption(args, command, 'seed')!
  const url = text('url')
  const apiKey = text('api-key')
  if (url !== undefined && !URL.canParse(url)) {
    throw new UsageError(`--url: expected a URL such as http://127.0.0.1:8000, got '${url}'`)
  }
  const server = url === undefined ? await startServerProcess(flags) : runningServer(url)
  try {
    const model = text('model') ?? (await firstModel(server.url, apiKey))
    return { server, apiKey, model, question: text('question')!, maxTokens, seed }
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** The first model that a server names. Rejects with CommandFailure when there is none. */
export async function firstModel(url: string, apiKey: string | undefined): Promise<string> {
  const list = JSON.parse(await get(`${url}/v1/models`, apiKey)) as {
    readonly data: readonly { readonly id: string }[]
  }
  const model = list.data[0]?.id
  if (model === undefined) throw new CommandFailure('the server serves no model')
  return model
}

/** A list such as `1,4,16`, each from 1 to `most`. */
export function countsOption(
  args: ParsedArgs,
  command: Command,
  name: string,
  most: number,
): number[] {
  const text = String(args.options.get(name) ?? command.options[name]?.default)
  const counts = text.split(',').map(Number)
  if (!counts.every((n) => Number.isInteger(n) && n >= 1 && n <= most)) {
    const example = command.options[name]?.default
    throw new UsageError(
      `--${name}: expected numbers from 1 to ${most} such as ${example}, got '${text}'`,
    )
  }
  return counts
}
