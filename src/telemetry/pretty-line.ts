/** One JSON log line → one line for people: time, level, message, then the fields. */

const COLOURS: Readonly<Record<string, string>> = {
  error: '\x1b[31m',
  warn: '\x1b[33m',
  info: '\x1b[32m',
  debug: '\x1b[90m',
}
const GREY = '\x1b[90m'
const RESET = '\x1b[0m'

/** The stack of an error stands on lines of its own. */
export function prettyLine(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line)
  const clock = String(time).slice(11, 19)
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${format(value)}`)
  const head = `${GREY}${clock}${RESET} ${COLOURS[level] ?? ''}${String(level).padEnd(5)}${RESET} ${msg ?? ''}`
  const tail = rest.length > 0 ? ` ${GREY}${rest.join(' ')}${RESET}` : ''
  return `${head}${tail}\n${err ? `${err.stack ?? err.message}\n` : ''}`
}

function format(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}
