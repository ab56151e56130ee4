/**
 * Quantised blocks of GGUF files → floats, as `dequantize_row_*` of ggml (`ggml-quants.c`) defines them. Every
 * value is exact: scales are half-precision, so a product with a few bits and one sum round once, to a float.
 * Hot loops index with `!`.
 */
import { float16Table } from './dtype.ts'

interface Block {
  /** Elements that one block holds. */
  readonly elements: number
  readonly bytes: number
  /** Elements that share a scale. */
  readonly group: 16 | 32
  /** Of a value as the native runtime packs it (`kernels/cpu/src/linear/ggml_blocks.cc`). */
  readonly packedBits: 4 | 6 | 8
  /** Where its half-precision scales and minima lie. */
  readonly scales: readonly number[]
  /** Writes the elements of the block at byte `p` to `out` from `o` on. */
  widen(bytes: Uint8Array, p: number, out: Float32Array, o: number): void
}

const half = float16Table()
const halfAt = (bytes: Uint8Array, p: number) => half[bytes[p]! | (bytes[p + 1]! << 8)]!
const signed = (byte: number) => (byte << 24) >> 24

/** Scales of Q4_K and Q5_K: eight pairs of 6 bits in 12 bytes. Returns scale | minimum << 8. */
function scaleAndMinimum(bytes: Uint8Array, p: number, j: number): number {
  if (j < 4) return (bytes[p + j]! & 63) | ((bytes[p + j + 4]! & 63) << 8)
  const low = bytes[p + j + 4]!
  const scale = (low & 15) | ((bytes[p + j - 4]! >> 6) << 4)
  const minimum = (low >> 4) | ((bytes[p + j]! >> 6) << 4)
  return scale | (minimum << 8)
}

export const BLOCKS = {
  /** scale · q */
  Q8_0: {
    elements: 32,
    bytes: 34,
    group: 32,
    packedBits: 8,
    scales: [0],
    widen(bytes, p, out, o) {
      const scale = halfAt(bytes, p)
      for (let i = 0; i < 32; i++) out[o + i] = scale * signed(bytes[p + 2 + i]!)
    },
  },
  /** scale · (q − 8); low halves of the bytes come first */
  Q4_0: {
    elements: 32,
    bytes: 18,
    group: 32,
    packedBits: 4,
    scales: [0],
    widen(bytes, p, out, o) {
      const scale = halfAt(bytes, p)
      for (let i = 0; i < 16; i++) {
        const byte = bytes[p + 2 + i]!
        out[o + i] = scale * ((byte & 15) - 8)
        out[o + i + 16] = scale * ((byte >> 4) - 8)
      }
    },
  },
  /** scale · q + minimum */
  Q4_1: {
    elements: 32,
    bytes: 20,
    group: 32,
    packedBits: 4,
    scales: [0, 2],
    widen(bytes, p, out, o) {
      const scale = halfAt(bytes, p)
      const minimum = halfAt(bytes, p + 2)
      for (let i = 0; i < 16; i++) {
        const byte = bytes[p + 4 + i]!
        out[o + i] = scale * (byte & 15) + minimum
        out[o + i + 16] = scale * (byte >> 4) + minimum
      }
    },
  },
  /** As Q4_0 with a fifth bit, each in the 32 bits before the halves: scale · (q − 16) */
  Q5_0: {
    elements: 32,
    bytes: 22,
    group: 32,
    packedBits: 6,
    scales: [0],
    widen(bytes, p, out, o) {
      const scale = halfAt(bytes, p)
      for (let i = 0; i < 16; i++) {
        const byte = bytes[p + 6 + i]!
        out[o + i] = scale * ((byte & 15) + fifthBit(bytes, p + 2, i) - 16)
        out[o + i + 16] = scale * ((byte >> 4) + fifthBit(bytes, p + 2, i + 16) - 16)
      }
    },
  },
  Q5_1: {
    elements: 32,
    bytes: 24,
    group: 32,
    packedBits: 6,
    scales: [0, 2],
    widen(bytes, p, out, o) {
      const scale = halfAt(bytes, p)
      const minimum = halfAt(bytes, p + 2)
      for (let i = 0; i < 16; i++) {
        const byte = bytes[p + 8 + i]!
        out[o + i] = scale * ((byte & 15) + fifthBit(bytes, p + 4, i)) + minimum
        out[o + i + 16] = scale * ((byte >> 4) + fifthBit(bytes, p + 4, i + 16)) + minimum
      }
    },
  },
  /** Eight times 32 elements: scale · scaleⱼ · q − minimum · minimumⱼ */
  Q4_K: {
    elements: 256,
    bytes: 144,
    group: 32,
    packedBits: 4,
    scales: [0, 2],
    widen(bytes, p, out, o) {
      const scale = halfAt(bytes, p)
      const minimum = halfAt(bytes, p + 2)
      for (let j = 0; j < 8; j++) {
        const pair = scaleAndMinimum(bytes, p + 4, j)
        const [d, m] = [scale * (pair & 255), minimum * (pair >> 8)]
        const [q, shift] = [p + 16 + (j >> 1) * 32, (j & 1) * 4]
        for (let i = 0; i < 32; i++) out[o + j * 32 + i] = d * ((bytes[q + i]! >> shift) & 15) - m
      }
    },
  },
  /** As Q4_K with a fifth bit: bit j of 32 bytes */
  Q5_K: {
    elements: 256,
    bytes: 176,
    group: 32,
    packedBits: 6,
    scales: [0, 2],
    widen(bytes, p, out, o) {
      const scale = halfAt(bytes, p)
      const minimum = halfAt(bytes, p + 2)
      for (let j = 0; j < 8; j++) {
        const pair = scaleAndMinimum(bytes, p + 4, j)
        const [d, m] = [scale * (pair & 255), minimum * (pair >> 8)]
        const [q, shift] = [p + 48 + (j >> 1) * 32, (j & 1) * 4]
        for (let i = 0; i < 32; i++) {
          const high = ((bytes[p + 16 + i]! >> j) & 1) << 4
          out[o + j * 32 + i] = d * (((bytes[q + i]! >> shift) & 15) | high) - m
        }
      }
    },
  },
  /** Sixteen times 16 elements: scale · scaleⱼ · (q − 32), four low bits and two high ones apart */
  Q6_K: {
    elements: 256,
    bytes: 210,
    group: 16,
    packedBits: 6,
    scales: [208],
    widen(bytes, p, out, o) {
      const scale = halfAt(bytes, p + 208)
      for (let part = 0; part < 8; part++) {
        // 32 elements; four parts share the high bits, two the low ones.
        const [upper, quarter] = [part >> 2, part & 3]
        const low = p + upper * 64 + (quarter & 1) * 32
        const high = p + 128 + upper * 32
        const [lowShift, highShift] = [(quarter >> 1) * 4, quarter * 2]
        for (let i = 0; i < 32; i++) {
          const d = scale * signed(bytes[p + 192 + part * 2 + (i >> 4)]!)
          const q =
            ((bytes[low + i]! >> lowShift) & 15) | (((bytes[high + i]! >> highShift) & 3) << 4)
          out[o + part * 32 + i] = d * (q - 32)
        }
      }
    },
  },
} as const satisfies Readonly<Record<string, Block>>

export type BlockType = keyof typeof BLOCKS

export function isBlockType(name: string): name is BlockType {
  return Object.hasOwn(BLOCKS, name)
}

/** Whole blocks, one after the other, → their elements. */
export function widenBlocks(type: BlockType, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const block: Block = BLOCKS[type]
  const count = bytes.byteLength / block.bytes
  const out = new Float32Array(count * block.elements)
  for (let b = 0; b < count; b++) block.widen(bytes, b * block.bytes, out, b * block.elements)
  return out
}

function fifthBit(bytes: Uint8Array, p: number, i: number): number {
  return ((bytes[p + (i >> 3)]! >> (i & 7)) & 1) << 4
}
