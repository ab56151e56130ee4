/** Parses the header of a safetensors file; trusts nothing in it. */
import { AerieError } from '../errors.ts'
import { DTYPE_BYTES, type Dtype, isDtype } from './dtype.ts'

/** One tensor of a file: `byteLength` bytes at `offset` from the file's start. */
export interface TensorEntry {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly offset: number
  readonly byteLength: number
}

/** Bytes of the little-endian length that opens the file. */
export const PREFIX_BYTES = 8
/** A quarter of what the reference implementation takes; no real header comes near it, and parsing one costs memory. */
const MAX_HEADER_BYTES = 25_000_000
/** The largest published checkpoints have a hundred thousand tensors, in more than a hundred files. */
const MOST_TENSORS = 200_000
const MOST_DIMENSIONS = 16
const LONGEST_NAME = 512

/**
 * Length of the JSON header of a file of `fileBytes` bytes whose first {@link PREFIX_BYTES} bytes
 * are `prefix`. Throws `invalid_package`.
 */
export function headerLength(prefix: Uint8Array, fileBytes: number): number {
  if (prefix.byteLength < PREFIX_BYTES)
    fail(`the file has ${fileBytes} bytes, too few for a header`)
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true)
  const limit = Math.min(MAX_HEADER_BYTES, fileBytes - PREFIX_BYTES)
  if (length > BigInt(limit))
    fail(`the header claims ${length} bytes, at most ${limit} are possible`)
  return Number(length)
}

/**
 * Tensors of a file of `fileBytes` bytes in the order of their data. Every one is checked: known
 * type, shape that agrees with its bytes, inside the file, overlapping no other; no name occurs
 * twice. Throws `invalid_package`.
 */
export function parseHeader(header: Uint8Array, fileBytes: number): TensorEntry[] {
  const fields = parseJson(header)
  const dataStart = PREFIX_BYTES + header.byteLength
  const entries: TensorEntry[] = []
  for (const [name, field] of Object.entries(fields)) {
    if (name !== '__metadata__') entries.push(parseEntry(name, field, dataStart, fileBytes))
  }
  entries.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength)
  for (const [i, entry] of entries.entries()) {
    const before = entries[i - 1]
    if (before && before.offset + before.byteLength > entry.offset) {
      fail(`tensors ${quote(before.name)} and ${quote(entry.name)} overlap`)
    }
  }
  return entries
}

/** What a file says of itself beside its tensors, of a header that {@link parseHeader} took: texts by name. */
export function parseMetadata(header: Uint8Array): ReadonlyMap<string, string> {
  const metadata = (parseJson(header) as Readonly<Record<string, unknown>>)['__metadata__']
  if (typeof metadata !== 'object' || metadata === null) return new Map()
  return new Map(Object.entries(metadata).filter(([, text]) => typeof text === 'string'))
}

function parseJson(header: Uint8Array): object {
  let text: string
  let parsed: unknown
  // Before parsing: objects are what costs memory.
  if (countByte(header, 0x7b) > MOST_TENSORS)
    fail(`the header has more than ${MOST_TENSORS} tensors`)
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header)
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new AerieError('invalid_package', 'safetensors: the header is not valid JSON', { cause })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    fail('the header is not an object')
  // JSON.parse keeps the last of equal keys without a word.
  if (countTopLevelKeys(text) !== Object.keys(parsed).length) fail('a tensor name occurs twice')
  return parsed
}

function countByte(bytes: Uint8Array, wanted: number): number {
  let count = 0
  for (const byte of bytes) if (byte === wanted) count++
  return count
}

/** Keys of the outermost object of a text that is known to be valid JSON. */
function countTopLevelKeys(text: string): number {
  let depth = 0
  let colons = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (inString) {
      if (c === '\\') i++
      else if (c === '"') inString = false
    } else if (c === '"') inString = true
    else if (c === '{' || c === '[') depth++
    else if (c === '}' || c === ']') depth--
    else if (c === ':' && depth === 1) colons++
  }
  return colons
}

function parseEntry(
  name: string,
  field: unknown,
  dataStart: number,
  fileBytes: number,
): TensorEntry {
  const bad = (what: string): never => fail(`tensor ${quote(name)}: ${what}`)
  if (name.length > LONGEST_NAME) return bad(`a name of ${name.length} characters`)
  if (typeof field !== 'object' || field === null) return bad('not an object')
  const { dtype, shape, data_offsets: range } = field as Readonly<Record<string, unknown>>
  if (!isDtype(dtype)) return bad(`dtype ${quote(dtype)} is not known`)
  if (!isListOfSizes(shape) || shape.length > MOST_DIMENSIONS)
    return bad(`shape ${quote(shape)} is not a list of sizes`)
  if (!isListOfSizes(range) || range.length !== 2)
    return bad(`data_offsets ${quote(range)} is not a range`)
  const [start, end] = range as [number, number]
  const byteLength = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype])
  if (end - start !== byteLength)
    return bad(
      `${quote(shape)} of ${dtype} takes ${byteLength} bytes, the range has ${end - start}`,
    )
  if (dataStart + end > fileBytes)
    return bad(`ends at byte ${dataStart + end} of a file of ${fileBytes} bytes`)
  return { name, dtype, shape, offset: dataStart + start, byteLength }
}

function isListOfSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
}

/** Names come from outside: quoted, and cut to a length that a log can carry. */
function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

function fail(message: string): never {
  throw new AerieError('invalid_package', `safetensors: ${message}`)
}
