/** Finds NaN and infinities in stored tensors: IEEE 754 numbers whose exponent bits are all ones. Hot loops index with `!`. */
import type { Dtype } from './dtype.ts'

/** Index of the first element that is NaN or infinite; -1 when there is none, or the type has no such values. */
export function firstNonFinite(dtype: Dtype, bytes: Uint8Array): number {
  switch (dtype) {
    case 'F32':
      return scan(bytes, { word: 0x7f800000, element: 0x7f800000, size: 4 })
    case 'BF16':
      return scan(bytes, { word: 0x7f807f80, element: 0x7f80, size: 2 })
    case 'F16':
      return scan(bytes, { word: 0x7c007c00, element: 0x7c00, size: 2 })
    case 'F64':
      return scanDoubles(bytes)
    default:
      return -1
  }
}

interface Pattern {
  /** Exponent bits of the one or two elements of a 32-bit word. */
  readonly word: number
  /** Exponent bits of one element. */
  readonly element: number
  readonly size: 2 | 4
}

function scan(bytes: Uint8Array, { word, element, size }: Pattern): number {
  const whole = Math.floor(bytes.byteLength / 4)
  const { buffer, byteOffset } = aligned(bytes, 4)
  const words = new Uint32Array(buffer, byteOffset, whole)
  // One more than all ones carries into the sign's place, and the fields of a word are far enough apart.
  const one = word & -word
  const step = size === 4 ? one : one | (one << 16)
  let carried = 0
  for (let i = 0; i < words.length; i++) carried |= (words[i]! & word) + step
  const signs = size === 4 ? 0x80000000 : 0x80008000
  const rest = bytes.byteLength - whole * 4
  if ((carried & signs) === 0 && rest === 0) return -1
  const view = new DataView(buffer, byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.byteLength; at += size) {
    const bits = size === 4 ? view.getUint32(at, true) : view.getUint16(at, true)
    if ((bits & element) === element) return at / size
  }
  return -1
}

function scanDoubles(bytes: Uint8Array): number {
  const { buffer, byteOffset, byteLength } = aligned(bytes, 4)
  const words = new Uint32Array(buffer, byteOffset, byteLength / 4)
  for (let i = 1; i < words.length; i += 2) {
    if ((words[i]! & 0x7ff00000) === 0x7ff00000) return (i - 1) / 2
  }
  return -1
}

/** Tensors may begin at any byte of a file. */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice()
}
