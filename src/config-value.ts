/** One configuration value: text or JSON → checked value, and its expectation in words. */
import type { KeySchema } from './config-schema.ts'

/** `kvCacheBytes` → `kv-cache-bytes`, as the flag is spelt. */
export const kebab = (key: string) => key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)

/** `kvCacheBytes` → `AERIE_KV_CACHE_BYTES`. */
export const upperSnake = (key: string) => `AERIE_${kebab(key).replaceAll('-', '_').toUpperCase()}`

/** Returns the value of the schema's type, or undefined when `raw` is not one. Strings are read as text. */
export function parseValue(schema: KeySchema, raw: unknown): unknown {
  if (schema.anyOf) {
    return schema.anyOf
      .flatMap((s) => (s.type === 'boolean' ? [true, false] : [s.const]))
      .find((choice) => choice === raw || String(choice) === raw)
  }
  switch (schema.type) {
    case 'boolean':
      return raw === true || raw === 'true'
        ? true
        : raw === false || raw === 'false'
          ? false
          : undefined
    case 'integer':
    case 'number':
      return parseNumber(schema, raw)
    case 'array': {
      const items = typeof raw === 'string' ? splitList(raw) : raw
      if (!Array.isArray(items)) return undefined
      const texts = items.flatMap((item) =>
        typeof item === 'string' ? splitList(item) : [undefined],
      )
      return texts.every((text) => text !== undefined) ? texts : undefined
    }
    default:
      return typeof raw === 'string' && raw.length >= (schema.minLength ?? 0) ? raw : undefined
  }
}

/** What a value must be, for messages, help and docs: `an integer from 0 to 65535`. */
export function expectation(schema: KeySchema): string {
  if (schema.takes !== undefined) return schema.takes
  if (schema.anyOf) {
    const choices = schema.anyOf.flatMap((s) =>
      s.type === 'boolean' ? ['true', 'false'] : [s.const],
    )
    return `one of ${choices.join(', ')}`
  }
  if (schema.type === 'boolean') return 'true or false'
  if (schema.type === 'array') return 'a list of names, separated by commas'
  if (schema.type === 'string') return 'a non-empty text'
  const kind = {
    bytes: 'a size such as 1048576 or 256MiB',
    ms: 'milliseconds',
    none: schema.type === 'integer' ? 'an integer' : 'a number',
  }[schema.unit ?? 'none']
  const { minimum, maximum } = schema
  if (maximum !== undefined) return `${kind} from ${minimum ?? 0} to ${maximum}`
  return minimum === undefined ? kind : `${kind}, at least ${formatNumber(schema, minimum)}`
}

/** A default or bound as people write it: sizes in the largest whole binary unit. */
export function formatNumber(schema: KeySchema, value: number): string {
  if (schema.unit !== 'bytes' || value === 0) return String(value)
  for (const [unit, factor] of [...BINARY].reverse()) {
    if (value % factor === 0) return `${value / factor}${unit}`
  }
  return String(value)
}

const BINARY = [
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
] as const

const UNITS: ReadonlyMap<string, number> = new Map([
  ...BINARY.map(([unit, factor]) => [unit.toLowerCase(), factor] as const),
  ['', 1],
  ['b', 1],
  ['kb', 1e3],
  ['mb', 1e6],
  ['gb', 1e9],
])

function parseNumber(schema: KeySchema, raw: unknown): number | undefined {
  const value = typeof raw === 'string' ? readText(schema, raw) : raw
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  if (schema.type === 'integer' && !Number.isSafeInteger(value)) return undefined
  if (value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity))
    return undefined
  return value
}

function readText(schema: KeySchema, text: string): number | undefined {
  if (schema.unit === 'bytes') return readSize(text)
  const match = NUMBER.exec(text.trim())
  return match?.[2] === '' ? Number(match[1]) : undefined
}

const NUMBER = /^([+-]?\d+(?:\.\d+)?) *([a-z]*)$/i

/** Bytes of `1048576`, `256MiB`, `1.5GiB` or `2GB`; undefined for what is no size. */
export function readSize(text: string): number | undefined {
  const [, digits, unit] = NUMBER.exec(text.trim()) ?? []
  const factor = UNITS.get(unit?.toLowerCase() ?? 'none')
  return factor === undefined ? undefined : Number(digits) * factor
}

const splitList = (text: string) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
