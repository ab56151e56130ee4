/** Writes safetensors files for tests, and reads whole ones. */
import { readFileSync, writeFileSync } from 'node:fs'
import { toFloat32 } from '../../src/weights/dtype.ts'
import { headerLength, PREFIX_BYTES, parseHeader } from '../../src/weights/safetensors.ts'

export interface TensorToWrite {
  readonly shape: readonly number[]
  readonly values: ArrayLike<number>
  /** F32 unless told otherwise. */
  readonly dtype?: 'F32' | 'F16' | 'BF16'
}

/** A file with the tensors in the order of the object. */
export function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, TensorToWrite>>,
): void {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  const parts: Uint8Array[] = []
  let offset = 0
  for (const [name, { shape, values, dtype = 'F32' }] of Object.entries(tensors)) {
    const bytes = encode(dtype, values)
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] }
    parts.push(bytes)
    offset += bytes.length
  }
  writeFileSync(path, Buffer.concat([headerBytes(JSON.stringify(header)), ...parts]))
}

/** Every tensor of a file as floats, by name. */
export function readSafetensors(path: string): Map<string, Float32Array> {
  return new Map(
    [...safetensorsBytes(path)].map(([name, { dtype, bytes }]) => [name, toFloat32(dtype, bytes)]),
  )
}

/** Every tensor of a file as it is stored, by name. */
export function safetensorsBytes(path: string) {
  const bytes = new Uint8Array(readFileSync(path))
  const dataStart = PREFIX_BYTES + headerLength(bytes, bytes.length)
  const entries = parseHeader(bytes.subarray(PREFIX_BYTES, dataStart), bytes.length)
  return new Map(
    entries.map(({ name, dtype, shape, offset, byteLength }) => [
      name,
      { dtype, shape, bytes: bytes.slice(offset, offset + byteLength) },
    ]),
  )
}

/**
 * A header's text behind its length, padded to a multiple of eight bytes as the reference
 * implementation does.
 */
export function headerBytes(text: string): Buffer {
  const json = Buffer.from(text)
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ')
  json.copy(padded)
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(padded.length))
  return Buffer.concat([prefix, padded])
}

function encode(dtype: 'F32' | 'F16' | 'BF16', values: ArrayLike<number>): Uint8Array {
  const floats = Float32Array.from(values)
  if (dtype === 'F32') return new Uint8Array(floats.buffer)
  if (dtype === 'F16') return new Uint8Array(Uint16Array.from(floats, halfBits).buffer)
  const bits = new Uint32Array(floats.buffer)
  return new Uint8Array(Uint16Array.from(bits, (b) => b >>> 16).buffer)
}

/**
 * Bits of the half-precision number next to a normal value; values too small for one become zero.
 */
function halfBits(value: number): number {
  const sign = value < 0 ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude < 2 ** -14) return sign
  const exponent = Math.floor(Math.log2(magnitude))
  // A fraction that rounds up to 1024 carries into the exponent, as it should.
  return sign | (((exponent + 15) << 10) + Math.round((magnitude / 2 ** exponent - 1) * 1024))
}
