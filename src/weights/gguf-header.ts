/**
 * Parses the header of a GGUF file, versions 2 and 3; trusts nothing in it.
 * Source: the GGUF specification (`docs/gguf.md` of ggml).
 */
import { AerieError } from '../errors.ts'
import { GGML_TYPES, isSupportedType } from './ggml-types.ts'
import type { StoredType } from './stored-type.ts'
import { elementsOfBlock, storedBytes } from './stored-type.ts'

/** `GGUF`, little-endian. */
const MAGIC = 0x46554747
const VERSIONS: readonly number[] = [2, 3]
const DEFAULT_ALIGNMENT = 32

/** No real file comes near these. */
const MOST_KEYS = 65_536
const MOST_TENSORS = 65_536
const LONGEST_KEY = 65_535
const LONGEST_STRING = 1 << 24
const LONGEST_TENSOR_NAME = 64
const MOST_DIMENSIONS = 4
const MOST_NESTED_ARRAYS = 4
const LARGEST_ALIGNMENT = 1 << 16

/** Value types in the order of their numbers. */
const VALUE_TYPES = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const

export type GgufType = (typeof VALUE_TYPES)[number]
type FixedType = Exclude<GgufType, 'string' | 'array'>

const FIXED_BYTES: Readonly<Record<FixedType, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
}

/** 64-bit integers that a number cannot hold come as bigints. */
export type GgufScalar = string | number | bigint | boolean

/** A list whose elements stay bytes until they are asked for: a vocabulary is read by few. */
export interface GgufArray {
  readonly type: GgufType
  readonly length: number
  /** Throws `invalid_package` for text that is not UTF-8 and for lists of lists. */
  read(): GgufScalar[]
}

export type GgufValue =
  | { readonly type: Exclude<GgufType, 'array'>; readonly value: GgufScalar }
  | { readonly type: 'array'; readonly value: GgufArray }

/** One tensor of a file: `byteLength` bytes at `offset` from the file's start. */
export interface GgufTensor {
  readonly name: string
  readonly dtype: StoredType
  /** Row-major, slowest dimension first; the file has them the other way round. */
  readonly shape: readonly number[]
  readonly offset: number
  readonly byteLength: number
}

export interface GgufHeader {
  readonly version: number
  readonly metadata: ReadonlyMap<string, GgufValue>
  /** In the order of their data. */
  readonly tensors: readonly GgufTensor[]
}

/** Thrown by {@link parseGgufHeader} when the header goes on behind the given bytes, at least to `bytes`. */
export class MoreBytesNeeded extends Error {
  readonly bytes: number
  constructor(bytes: number) {
    super(`the header needs at least ${bytes} bytes`)
    this.bytes = bytes
  }
}

/**
 * The header of a file of `fileBytes` bytes that begins with `bytes`. Every length is checked against the file, every
 * tensor has a known type, a shape that agrees with its bytes and a place of its own. Throws `invalid_package` with
 * the offset or the key, and {@link MoreBytesNeeded}.
 */
export function parseGgufHeader(bytes: Uint8Array, fileBytes: number): GgufHeader {
  const cursor = new Cursor(bytes, fileBytes)
  if (cursor.u32('magic number') !== MAGIC) fail('the file does not begin with GGUF')
  const version = cursor.u32('version')
  if (!VERSIONS.includes(version)) {
    // Its bytes the other way round are a small number.
    if (version !== 0 && (version & 0xffff) === 0) fail('big-endian files are not supported')
    fail(`version ${version} is not supported (expected ${VERSIONS.join(' or ')})`)
  }
  const tensorCount = cursor.count('number of tensors', MOST_TENSORS)
  const keyCount = cursor.count('number of keys', MOST_KEYS)
  const metadata = readMetadata(cursor, keyCount)
  const alignment = readAlignment(metadata)
  const entries = Array.from({ length: tensorCount }, (_, i) => readTensorInfo(cursor, i))
  const dataStart = Math.ceil(cursor.offset / alignment) * alignment
  return { version, metadata, tensors: placeTensors(entries, { dataStart, alignment, fileBytes }) }
}

function readMetadata(cursor: Cursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < count; i++) {
    const key = cursor.string(`key ${i}`, LONGEST_KEY)
    if (metadata.has(key)) fail(`key ${quote(key)} occurs twice`)
    metadata.set(key, readValue(cursor, key))
  }
  return metadata
}

function readValue(cursor: Cursor, key: string): GgufValue {
  const type = cursor.valueType(key)
  if (type === 'array') return { type, value: readArray(cursor, key, 1) }
  return { type, value: cursor.scalar(type, key) }
}

function readArray(cursor: Cursor, key: string, depth: number): GgufArray {
  if (depth > MOST_NESTED_ARRAYS) fail(`key ${quote(key)}: lists are nested too deeply`)
  const type = cursor.valueType(key)
  const length = cursor.count(`length of ${key}`, Number.MAX_SAFE_INTEGER)
  const elements = cursor.fork()
  if (type === 'array') for (let i = 0; i < length; i++) readArray(cursor, key, depth + 1)
  else if (type === 'string') for (let i = 0; i < length; i++) cursor.skipString(key)
  else cursor.skip(length * FIXED_BYTES[type], key)
  return {
    type,
    length,
    read: () => {
      if (type === 'array') return fail(`key ${quote(key)}: lists of lists are not supported`)
      const reader = elements.fork()
      return Array.from({ length }, () => reader.scalar(type, key))
    },
  }
}

function readAlignment(metadata: ReadonlyMap<string, GgufValue>): number {
  const { type, value } = metadata.get('general.alignment') ?? {
    type: 'u32',
    value: DEFAULT_ALIGNMENT,
  }
  const isPower = typeof value === 'number' && value >= 1 && Number.isInteger(Math.log2(value))
  if (type !== 'u32' || !isPower || value > LARGEST_ALIGNMENT)
    return fail(`general.alignment: expected a power of two up to ${LARGEST_ALIGNMENT} as u32`)
  return value
}

interface TensorInfo {
  readonly name: string
  readonly dtype: StoredType
  readonly shape: readonly number[]
  /** From the start of the data. */
  readonly start: number
}

function readTensorInfo(cursor: Cursor, index: number): TensorInfo {
  const name = cursor.string(`name of tensor ${index}`, LONGEST_TENSOR_NAME)
  const what = `tensor ${quote(name)}`
  const dimensions = cursor.u32(what)
  if (dimensions < 1 || dimensions > MOST_DIMENSIONS)
    fail(`${what} has ${dimensions} dimensions, expected 1 to ${MOST_DIMENSIONS}`)
  const sizes = Array.from({ length: dimensions }, () => cursor.count(what, 2 ** 48))
  const type = cursor.u32(what)
  const start = cursor.count(what, Number.MAX_SAFE_INTEGER)
  const dtype = GGML_TYPES[type]
  if (dtype === undefined || !isSupportedType(dtype))
    return fail(`${what} is of type ${dtype ?? `number ${type}`}, which is not supported`)
  const row = sizes[0]!
  if (row % elementsOfBlock(dtype) !== 0)
    fail(`${what}: rows of ${row} elements are not whole blocks of ${dtype}`)
  return { name, dtype, shape: sizes.reverse(), start }
}

function placeTensors(
  infos: readonly TensorInfo[],
  file: { readonly dataStart: number; readonly alignment: number; readonly fileBytes: number },
): GgufTensor[] {
  const names = new Set<string>()
  const tensors = infos.map(({ name, dtype, shape, start }): GgufTensor => {
    const what = `tensor ${quote(name)}`
    if (names.has(name)) fail(`${what} occurs twice`)
    names.add(name)
    const elements = shape.reduce((product, size) => product * size, 1)
    const byteLength = storedBytes(dtype, elements)
    if (elements === 0 || !Number.isSafeInteger(elements))
      fail(`${what} has the shape [${shape.join(', ')}]`)
    if (start % file.alignment !== 0)
      fail(`${what} begins at byte ${start} of the data, which is no multiple of ${file.alignment}`)
    const offset = file.dataStart + start
    if (offset + byteLength > file.fileBytes)
      fail(`${what} ends at byte ${offset + byteLength} of a file of ${file.fileBytes} bytes`)
    return { name, dtype, shape, offset, byteLength }
  })
  tensors.sort((a, b) => a.offset - b.offset)
  for (const [i, tensor] of tensors.entries()) {
    const before = tensors[i - 1]
    if (before && before.offset + before.byteLength > tensor.offset)
      fail(`tensors ${quote(before.name)} and ${quote(tensor.name)} overlap`)
  }
  return tensors
}

/** Reads little-endian values one after the other, never behind the end of the file. */
class Cursor {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #fileBytes: number
  #offset: number

  constructor(bytes: Uint8Array, fileBytes: number, offset = 0) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#fileBytes = fileBytes
    this.#offset = offset
  }

  get offset(): number {
    return this.#offset
  }

  /** Another one at the same place. */
  fork(): Cursor {
    return new Cursor(this.#bytes, this.#fileBytes, this.#offset)
  }

  u32(what: string): number {
    return this.#view.getUint32(this.skip(4, what), true)
  }

  /** A u64 of at most `limit`. */
  count(what: string, limit: number): number {
    const at = this.skip(8, what)
    // Without a bigint for each: a vocabulary has hundreds of thousands of lengths.
    const value = this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32
    if (value > limit) {
      const exact = this.#view.getBigUint64(at, true)
      fail(`byte ${at}, ${what}: ${exact} is more than ${limit}`)
    }
    return value
  }

  valueType(key: string): GgufType {
    const number = this.u32(key)
    return VALUE_TYPES[number] ?? fail(`key ${quote(key)}: value type ${number} is not known`)
  }

  string(what: string, limit = LONGEST_STRING): string {
    const [start, end] = this.skipString(what, limit)
    try {
      return UTF8.decode(this.#bytes.subarray(start, end))
    } catch (cause) {
      throw invalid(`byte ${start}, ${what}: the text is not UTF-8`, cause)
    }
  }

  skipString(what: string, limit = LONGEST_STRING): [start: number, end: number] {
    const length = this.count(`length of ${what}`, limit)
    const start = this.skip(length, what)
    return [start, start + length]
  }

  scalar(type: Exclude<GgufType, 'array'>, key: string): GgufScalar {
    if (type === 'string') return this.string(key)
    const at = this.skip(FIXED_BYTES[type], key)
    switch (type) {
      case 'u8':
        return this.#view.getUint8(at)
      case 'i8':
        return this.#view.getInt8(at)
      case 'u16':
        return this.#view.getUint16(at, true)
      case 'i16':
        return this.#view.getInt16(at, true)
      case 'u32':
        return this.#view.getUint32(at, true)
      case 'i32':
        return this.#view.getInt32(at, true)
      case 'f32':
        return this.#view.getFloat32(at, true)
      case 'f64':
        return this.#view.getFloat64(at, true)
      case 'u64':
        return plainNumber(this.#view.getBigUint64(at, true))
      case 'i64':
        return plainNumber(this.#view.getBigInt64(at, true))
      case 'bool': {
        const byte = this.#view.getUint8(at)
        if (byte > 1) return fail(`key ${quote(key)}: ${byte} is neither true nor false`)
        return byte === 1
      }
    }
  }

  /** Goes on by `length` bytes and returns where they begin. */
  skip(length: number, what: string): number {
    const start = this.#offset
    const end = start + length
    if (end > this.#fileBytes)
      fail(`${quote(what)} ends at byte ${end} of a file of ${this.#fileBytes} bytes`)
    if (end > this.#bytes.byteLength) throw new MoreBytesNeeded(end)
    this.#offset = end
    return start
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function plainNumber(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Names come from outside: quoted, and cut to a length that a log can carry. */
function quote(value: string): string {
  const text = JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

function fail(message: string): never {
  throw invalid(message)
}

function invalid(message: string, cause?: unknown): AerieError {
  return new AerieError('invalid_package', `GGUF: ${message}`, { cause })
}
