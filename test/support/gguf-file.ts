/** Writes GGUF files for tests. Source: the GGUF specification (`docs/gguf.md` of ggml). */
import { writeFileSync } from 'node:fs'

/** Value types by their number. */
export const TYPE = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const

type Scalar = Exclude<keyof typeof TYPE, 'array'>

/** `[type, value]`, or `[type, values]` for a list. */
export type MetadataValue = readonly [
  type: Scalar,
  value: string | number | boolean | readonly (string | number | boolean)[],
]

export interface GgufTensorToWrite {
  /** Number of the element type; 0 is F32. */
  readonly type?: number
  /** Slowest dimension first, as everywhere here. */
  readonly shape: readonly number[]
  /** Bytes as they are stored, or floats for F32. */
  readonly data: Uint8Array | Float32Array
}

export interface GgufToWrite {
  readonly version?: number
  readonly alignment?: number
  readonly metadata: Readonly<Record<string, MetadataValue>>
  readonly tensors: Readonly<Record<string, GgufTensorToWrite>>
}

/** Bytes of a whole file. */
export function ggufBytes({ version = 3, alignment, metadata, tensors }: GgufToWrite): Buffer {
  const all: Readonly<Record<string, MetadataValue>> = {
    ...metadata,
    ...(alignment ? { 'general.alignment': ['u32', alignment] as const } : {}),
  }
  const step = alignment ?? 32
  const parts: Buffer[] = [
    Buffer.from('GGUF'),
    u32(version),
    u64(Object.keys(tensors).length),
    u64(Object.keys(all).length),
  ]
  for (const [key, [type, value]] of Object.entries(all)) {
    parts.push(string(key))
    if (typeof value === 'object') {
      parts.push(u32(TYPE.array), u32(TYPE[type]), u64(value.length))
      for (const element of value) parts.push(scalar(type, element))
    } else parts.push(u32(TYPE[type]), scalar(type, value))
  }
  const data: Buffer[] = []
  let offset = 0
  for (const [name, { type = 0, shape, data: values }] of Object.entries(tensors)) {
    parts.push(string(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(type))
    parts.push(u64(offset))
    const bytes = padded(Buffer.from(values.buffer, values.byteOffset, values.byteLength), step)
    data.push(bytes)
    offset += bytes.length
  }
  return Buffer.concat([padded(Buffer.concat(parts), step), ...data])
}

export function writeGguf(path: string, file: GgufToWrite): void {
  writeFileSync(path, ggufBytes(file))
}

function padded(bytes: Buffer, step: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((step - (bytes.length % step)) % step)])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([u64(bytes.length), bytes])
}

function scalar(type: Scalar, value: string | number | boolean): Buffer {
  if (type === 'string') return string(value as string)
  const number = Number(value)
  const bytes = Buffer.alloc(8)
  switch (type) {
    case 'u8':
    case 'bool':
      bytes.writeUInt8(number)
      return bytes.subarray(0, 1)
    case 'i8':
      bytes.writeInt8(number)
      return bytes.subarray(0, 1)
    case 'u16':
      bytes.writeUInt16LE(number)
      return bytes.subarray(0, 2)
    case 'i16':
      bytes.writeInt16LE(number)
      return bytes.subarray(0, 2)
    case 'u32':
      return u32(number)
    case 'i32':
      bytes.writeInt32LE(number)
      return bytes.subarray(0, 4)
    case 'f32':
      bytes.writeFloatLE(number)
      return bytes.subarray(0, 4)
    case 'u64':
      return u64(number)
    case 'i64':
      bytes.writeBigInt64LE(BigInt(number))
      return bytes
    case 'f64':
      bytes.writeDoubleLE(number)
      return bytes
  }
}
