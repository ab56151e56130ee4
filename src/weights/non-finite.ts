/**
 * Finds NaN and infinities in stored tensors: IEEE 754 numbers whose exponent bits are all ones, and blocks that have such a
 * number as a scale. Hot loops index with `!`.
 */
import { isDtype } from './dtype.ts'
import { BLOCKS, type BlockType } from './gguf-blocks.ts'
import type { StoredType } from './stored-type.ts'

/** Index of the first element that is NaN or infinite; -1 when there is none, or the type has no such values. */
export function firstNonFinite(type: StoredType, bytes: Uint8Array): number {
  if (!isDtype(type)) return scanBlocks(type, bytes)
  switch (type) {
    case 'F32':
      return scan(bytes, { word: 0x7f800000, element: 0x7f800000, size: 4 })
    case 'BF16':
      return scan(bytes, { word: 0x7f807f80, element: 0x7f80, size: 2 })
    case 'F16':
      return scan(bytes, { word: 0x7c007c00, element: HALF_EXPONENT, size: 2 })
    case 'F64':
      return scanDoubles(bytes)
    default:
      return -1
  }
}

const HALF_EXPONENT = 0x7c00

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
  const carried = sumsOfFields(words, word, size === 4 ? one : one | (one << 16))
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

/** Every word's masked fields plus `step`, all of them or-ed; eight at a time, five gigabytes a second where one by one are three. */
function sumsOfFields(words: Uint32Array, mask: number, step: number): number {
  const eights = words.length & ~7
  let all = 0
  let i = 0
  for (; i < eights; i += 8) {
    all |=
      ((words[i]! & mask) + step) |
      0 |
      (((words[i + 1]! & mask) + step) | 0) |
      (((words[i + 2]! & mask) + step) | 0) |
      (((words[i + 3]! & mask) + step) | 0) |
      (((words[i + 4]! & mask) + step) | 0) |
      (((words[i + 5]! & mask) + step) | 0) |
      (((words[i + 6]! & mask) + step) | 0) |
      (((words[i + 7]! & mask) + step) | 0)
  }
  for (; i < words.length; i++) all |= (words[i]! & mask) + step
  return all
}

function scanDoubles(bytes: Uint8Array): number {
  const { buffer, byteOffset, byteLength } = aligned(bytes, 4)
  const words = new Uint32Array(buffer, byteOffset, byteLength / 4)
  for (let i = 1; i < words.length; i += 2) {
    if ((words[i]! & 0x7ff00000) === 0x7ff00000) return (i - 1) / 2
  }
  return -1
}

/** What a block holds besides its scales are whole numbers, and a product with a finite scale fits a float. */
function scanBlocks(type: BlockType, bytes: Uint8Array): number {
  const { bytes: size, elements, scales } = BLOCKS[type]
  for (let block = 0; (block + 1) * size <= bytes.byteLength; block++) {
    for (const place of scales) {
      const high = bytes[block * size + place + 1]!
      if ((high & (HALF_EXPONENT >> 8)) === HALF_EXPONENT >> 8) return block * elements
    }
  }
  return -1
}

/** Tensors may begin at any byte of a file. */
function aligned(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.byteOffset % size === 0 ? bytes : bytes.slice()
}
