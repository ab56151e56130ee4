/** Element types of safetensors and their conversion to floats. Hot loops index with `!`. */
import { AerieError } from '../errors.ts'

/** Bytes an element takes, by the spelling in safetensors headers. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const

export type Dtype = keyof typeof DTYPE_BYTES

export function isDtype(name: unknown): name is Dtype {
  return typeof name === 'string' && Object.hasOwn(DTYPE_BYTES, name)
}

/**
 * Little-endian elements → floats; 64-bit types are rounded to the nearest float. `bytes` starts at
 * a multiple of the element size. Throws `invalid_package` for the 8-bit floats, which need a scale
 * that the header does not carry.
 */
export function toFloat32(dtype: Dtype, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes
  const length = byteLength / DTYPE_BYTES[dtype]
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, length)
    case 'F16':
      return fromHalves(new Uint16Array(buffer, byteOffset, length), float16Table())
    case 'BF16':
      return fromBrainFloats(new Uint16Array(buffer, byteOffset, length))
    case 'F64':
      return new Float32Array(new Float64Array(buffer, byteOffset, length))
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, length), Number)
    case 'U64':
      return Float32Array.from(new BigUint64Array(buffer, byteOffset, length), Number)
    case 'I32':
      return new Float32Array(new Int32Array(buffer, byteOffset, length))
    case 'U32':
      return new Float32Array(new Uint32Array(buffer, byteOffset, length))
    case 'I16':
      return new Float32Array(new Int16Array(buffer, byteOffset, length))
    case 'U16':
      return new Float32Array(new Uint16Array(buffer, byteOffset, length))
    case 'I8':
      return new Float32Array(new Int8Array(buffer, byteOffset, length))
    case 'U8':
    case 'BOOL':
      return new Float32Array(bytes)
    case 'F8_E4M3':
    case 'F8_E5M2':
      throw new AerieError(
        'invalid_package',
        `tensors of type ${dtype} cannot be read without their scales`,
      )
  }
}

function fromHalves(halves: Uint16Array, table: Float32Array): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(halves.length)
  for (let i = 0; i < halves.length; i++) floats[i] = table[halves[i]!]!
  return floats
}

/** A bfloat16 is the upper half of a float32. */
function fromBrainFloats(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length)
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16
  return new Float32Array(bits.buffer)
}

let halves: Float32Array | undefined

/** The value of each of the 65 536 IEEE half-precision numbers. */
export function float16Table(): Float32Array {
  if (halves) return halves
  halves = new Float32Array(65536)
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 31
    const fraction = bits & 1023
    if (exponent === 0) halves[bits] = sign * fraction * 2 ** -24
    else if (exponent === 31) halves[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    else halves[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  }
  return halves
}
