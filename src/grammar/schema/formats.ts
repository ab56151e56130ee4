/**
 * Formats of strings, each as what every reading of its standard takes: days that each month has (the 29th of February in no
 * year), addresses of plain letters. So what is said here is valid to any checker, and not all that is valid is said.
 */
import { type Expr, lengths } from '../expression.ts'
import { wholeMatch } from '../regex.ts'

const DAY =
  '((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))'
const DATE = `[12]\\d{3}-${DAY}`
const TIME = '([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-](0\\d|1[0-4]):[0-5]\\d)'
const LABEL = '[a-z0-9]{1,20}(-[a-z0-9]{1,20})?'
const HOST = `${LABEL}(\\.${LABEL}){0,3}\\.[a-z]{2,6}`
const BYTE = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const PATH = '(/[a-zA-Z0-9._~-]{1,30}){0,8}/?(\\?[a-zA-Z0-9._~=&-]{1,60})?'
const HEX4 = '[0-9a-f]{1,4}'

const PATTERNS: Readonly<Record<string, string>> = {
  date: DATE,
  time: TIME,
  'date-time': `${DATE}T${TIME}`,
  duration:
    'P(\\d{1,4}W|\\d{1,4}D(T\\d{1,4}H(\\d{1,4}M(\\d{1,4}S)?)?)?|T\\d{1,4}H(\\d{1,4}M(\\d{1,4}S)?)?|T\\d{1,4}M|T\\d{1,4}S)',
  email: `[a-z0-9]{1,20}([._+-][a-z0-9]{1,20}){0,2}@${HOST}`,
  hostname: HOST,
  ipv4: `${BYTE}(\\.${BYTE}){3}`,
  ipv6: `${HEX4}(:${HEX4}){7}`,
  uri: `https?://${HOST}(:[1-9]\\d{0,3})?${PATH}`,
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
}

export const FORMATS: readonly string[] = Object.keys(PATTERNS)

export interface Format {
  readonly expr: Expr
  readonly shortest: number
  readonly longest: number
}

/** Undefined for formats that are not known. */
export function formatOf(name: string): Format | undefined {
  if (!Object.hasOwn(PATTERNS, name)) return undefined
  const expr = wholeMatch(PATTERNS[name]!, name)
  const { min, max } = lengths(expr)
  return { expr, shortest: min, longest: max }
}
