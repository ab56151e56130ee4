/** What each key may use: read from `limitsFile`, checked field by field, overlaid name by name. */
import { readFile } from 'node:fs/promises'
import { readSize } from '../config-value.ts'
import { AerieError } from '../errors.ts'
import { nearest } from '../nearest.ts'

/** What is counted by the minute, in the order in which it is told. */
export const METERS = ['requests', 'tokens', 'mediaBytes', 'mediaPixels'] as const
export type Meter = (typeof METERS)[number]

/** Amounts by meter; what is absent is none. Negative ones give back. */
export type Amounts = { readonly [M in Meter]?: number }

/** What one name may use. Undefined: as much as there is. */
export interface Rule {
  /** Of each meter, in a minute. */
  readonly perMinute: Amounts
  /** Requests at one time. */
  readonly concurrentRequests: number | undefined
}

export const UNLIMITED: Rule = { perMinute: {}, concurrentRequests: undefined }

export function isLimited({ perMinute, concurrentRequests }: Rule): boolean {
  return concurrentRequests !== undefined || METERS.some((meter) => perMinute[meter] !== undefined)
}

export interface LimitRules {
  of(name: string): Rule
  /** Names that have rules of their own. */
  readonly names: readonly string[]
}

/** The fields of a rule in the file. */
const FIELDS = {
  requestsPerMinute: 'requests',
  tokensPerMinute: 'tokens',
  mediaBytesPerMinute: 'mediaBytes',
  mediaPixelsPerMinute: 'mediaPixels',
  concurrentRequests: 'concurrentRequests',
} as const satisfies Readonly<Record<string, Meter | 'concurrentRequests'>>
type Field = keyof typeof FIELDS

/** Of a rule in the file; null lifts what the default says. */
type Written = { readonly [F in Field]?: number | null }

/** Reads JSON or YAML, by the file's ending. Rejects with `invalid_config`, one line for each thing that is wrong. */
export async function loadLimits(file: string): Promise<LimitRules> {
  const isYaml = /\.ya?ml$/.test(file)
  if (!isYaml && !file.endsWith('.json')) {
    const what = 'expected a file ending in .json, .yaml or .yml'
    throw new AerieError('invalid_config', `limitsFile: ${file}: ${what}`)
  }
  try {
    const text = await readFile(file, 'utf8')
    const content: unknown = isYaml ? (await import('yaml')).parse(text) : JSON.parse(text)
    return parseLimits(content, file)
  } catch (cause) {
    if (cause instanceof AerieError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AerieError('invalid_config', `limitsFile: ${file}: ${reason}`, { cause })
  }
}

/** `file` is for messages. Throws `invalid_config`. */
export function parseLimits(content: unknown, file: string): LimitRules {
  const problems: string[] = []
  const say = (where: string, what: string) =>
    problems.push(`limitsFile: ${file}: ${where === '' ? '' : `${where}: `}${what}`)
  const top = isObject(content) ? content : {}
  if (!isObject(content)) say('', 'expected an object with default, keys or both')
  for (const name of Object.keys(top)) {
    if (name !== 'default' && name !== 'keys') say(name, 'unknown; expected default or keys')
  }
  const base = readRule(top['default'] ?? {}, 'default', say)
  const keys = top['keys'] ?? {}
  const own = new Map<string, Written>()
  if (!isObject(keys)) say('keys', 'expected an object of rules by the name of a key')
  else {
    for (const [name, rule] of Object.entries(keys)) {
      if (/^[\w.-]{1,64}$/.test(name)) own.set(name, readRule(rule, `keys.${name}`, say))
      else say(`keys.${name.slice(0, 80)}`, 'expected the name of a key, as the key file has it')
    }
  }
  if (problems.length > 0) throw new AerieError('invalid_config', problems.join('\n'))
  const rules = new Map([...own].map(([name, written]) => [name, toRule({ ...base, ...written })]))
  const others = toRule(base)
  return { of: (name) => rules.get(name) ?? others, names: [...rules.keys()] }
}

function readRule(
  raw: unknown,
  where: string,
  say: (where: string, what: string) => void,
): Written {
  if (!isObject(raw)) {
    say(where, `expected an object of limits, got ${show(raw)}`)
    return {}
  }
  const written: Record<string, number | null> = {}
  for (const [name, value] of Object.entries(raw)) {
    const at = `${where}.${name.slice(0, 80)}`
    if (!Object.hasOwn(FIELDS, name)) {
      const near = nearest(name, Object.keys(FIELDS))
      const hint = near ? `did you mean ${near}?` : `expected ${Object.keys(FIELDS).join(', ')}`
      say(at, `unknown limit; ${hint}`)
      continue
    }
    const limit = readLimit(name as Field, value)
    if (limit === undefined) say(at, `expected ${expectation(name as Field)}, got ${show(value)}`)
    else written[name] = limit
  }
  return written
}

/** Undefined for what is no limit. None may be 0: a key that may do nothing is taken out of the key file. */
function readLimit(field: Field, raw: unknown): number | null | undefined {
  if (raw === null || raw === 'unlimited') return null
  const isSize = field === 'mediaBytesPerMinute' && typeof raw === 'string'
  const value = isSize ? readSize(raw) : raw
  if (typeof value !== 'number') return undefined
  return Number.isSafeInteger(value) && value >= 1 ? value : undefined
}

function expectation(field: Field): string {
  const size = field === 'mediaBytesPerMinute' ? ', a size such as 256MiB' : ''
  return `a whole number from 1${size}, or unlimited`
}

function toRule(written: Written): Rule {
  const perMinute: { -readonly [M in Meter]?: number } = {}
  let concurrentRequests: number | undefined
  for (const [field, value] of Object.entries(written)) {
    const name = FIELDS[field as Field]
    if (value === null) continue
    if (name === 'concurrentRequests') concurrentRequests = value
    else perMinute[name] = value
  }
  return { perMinute, concurrentRequests }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
