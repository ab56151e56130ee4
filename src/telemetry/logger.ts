/** The log: JSON lines on standard error, readable lines where a person watches. Never a word of a request. */
import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino'
import { prettyLine } from './pretty-line.ts'

export type { Logger }

export interface LoggerOptions {
  readonly level: 'silent' | 'error' | 'warn' | 'info' | 'debug'
  /** Readable lines instead of JSON; default: when standard error is a terminal. */
  readonly pretty?: boolean
  /** Where lines go; default: standard error, so that standard output stays for answers. */
  readonly stream?: DestinationStream
}

/** What must never reach the log, whoever passes it: credentials, and anything a client said or showed. */
const REDACTED = [
  'authorization',
  'cookie',
  'apiKey',
  'headers.authorization',
  'headers.cookie',
  'req.headers',
  'req.body',
  'body',
  'messages',
  'prompt',
  'err.config',
  'err.body',
]

export function createLogger(options: LoggerOptions): Logger {
  const { level, pretty = process.stderr.isTTY === true, stream = destination(2) } = options
  const settings = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: toLine },
    redact: { paths: REDACTED, censor: '(redacted)' },
  }
  if (!pretty) return pino(settings, stream)
  return pino(settings, { write: (line: string) => stream.write(prettyLine(line)) })
}

/** As pino writes it, but that what a cause says is not said again where the error above it says it. */
function toLine(err: Error): object {
  const line = stdSerializers.err(err)
  if (!(err instanceof Error)) return line
  let message = err.message
  const seen = new Set<unknown>([err])
  for (let { cause } = err; cause instanceof Error && !seen.has(cause); { cause } = cause) {
    seen.add(cause)
    if (!message.includes(cause.message)) message += `: ${cause.message}`
  }
  line.message = message
  return line
}
