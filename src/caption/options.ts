/** The flags of `aerie caption` → what is to be done. */
import { extname } from 'node:path'
import { type Command, integerOption, type ParsedArgs, UsageError } from '../cli/command.ts'
import { type CaptionJob, FORMATS, type Format, isUrl, SAMPLINGS } from './job.ts'
import { parseSeconds, parseSegmentRule, SEGMENT_WORDS } from './segments.ts'

export interface CaptionOptions {
  readonly job: CaptionJob
  /** Base URL without `/v1`; undefined: the model is opened in this process. */
  readonly server: string | undefined
  /** Requests at a time. */
  readonly jobs: number
  readonly restart: boolean
  readonly retryFailed: boolean
  readonly waitMs: number
}

const MOST_JOBS = 256

/** Throws UsageError that names the flag. */
export function captionOptions(args: ParsedArgs, command: Command): CaptionOptions {
  const text = (name: string) => {
    const value = args.options.get(name) ?? command.options[name]?.default
    return value === undefined ? undefined : String(value)
  }
  const [input, unexpected] = args.positionals
  if (input === undefined || unexpected !== undefined)
    throw new UsageError('expected one folder, list or clip; see `aerie caption --help`')
  const out = text('out')?.replace(/\/+$/, '')
  if (!out) throw new UsageError('--out: expected the file that the captions go to')
  const prompt = text('prompt')!
  if (prompt.trim() === '') throw new UsageError('--prompt: expected a text')
  const segment = parseSegmentRule(text('segment')!)
  if (segment === undefined)
    throw new UsageError(`--segment: expected ${SEGMENT_WORDS}, got '${text('segment')}'`)
  const wait = parseSeconds(text('wait')!)
  if (wait === undefined)
    throw new UsageError(`--wait: expected a length such as 10m, got '${text('wait')}'`)
  const jobs = integerOption(args, command, 'jobs')!
  if (jobs > MOST_JOBS) throw new UsageError(`--jobs: expected at most ${MOST_JOBS}, got ${jobs}`)
  return {
    job: {
      input,
      out,
      format: formatOf(text('format'), out),
      prompt,
      segment,
      frames: {
        fps: fpsOf(text('fps')),
        maxFrames: integerOption(args, command, 'max-frames'),
        sampling: oneOf('sampling', text('sampling'), SAMPLINGS),
      },
      maxTokens: integerOption(args, command, 'max-tokens'),
    },
    server: serverOf(text('server'), args),
    jobs,
    restart: args.options.has('restart'),
    retryFailed: args.options.has('retry-failed'),
    waitMs: wait * 1000,
  }
}

/** By the flag, else by the ending of `out`. */
function formatOf(flag: string | undefined, out: string): Format {
  const ending = FORMATS.find((format) => extname(out).toLowerCase() === `.${format}`)
  const format = oneOf('format', flag, FORMATS) ?? ending ?? 'jsonl'
  if (ending !== undefined && ending !== format)
    throw new UsageError(`--format ${format}: --out ends in .${ending}`)
  return format
}

function fpsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const fps = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || fps === 0)
    throw new UsageError(`--fps: expected frames a second, more than 0, got '${text}'`)
  return fps
}

function serverOf(server: string | undefined, args: ParsedArgs): string | undefined {
  if (server === undefined) return undefined
  if (!isUrl(server) || !URL.canParse(server))
    throw new UsageError(`--server: expected a URL such as http://127.0.0.1:8000, got '${server}'`)
  const own = Object.keys(args.config).find((key) => key !== 'model')
  if (own !== undefined || args.configFile !== undefined)
    throw new UsageError(
      '--server: the configuration is that of the server; only --model names one of its models',
    )
  return server.replace(/\/+(v1\/*)?$/, '')
}

function oneOf<T extends string>(
  name: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  const found = choices.find((choice) => choice === value)
  if (value !== undefined && found === undefined)
    throw new UsageError(`--${name}: expected one of ${choices.join(', ')}, got '${value}'`)
  return found
}
