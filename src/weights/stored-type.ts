/** How elements are stored: one by one, or in blocks that share a scale. */
import { DTYPE_BYTES, type Dtype, isDtype, toFloat32 } from './dtype.ts'
import { BLOCKS, type BlockType, widenBlocks } from './gguf-blocks.ts'

export type StoredType = Dtype | BlockType

/** 1 where every element stands alone. */
export function elementsOfBlock(type: StoredType): number {
  return isDtype(type) ? 1 : BLOCKS[type].elements
}

/** Bytes of that many elements, whole blocks of them. */
export function storedBytes(type: StoredType, elements: number): number {
  if (isDtype(type)) return elements * DTYPE_BYTES[type]
  return (elements / BLOCKS[type].elements) * BLOCKS[type].bytes
}

/** Whole blocks → floats; `bytes` starts at a multiple of the element size. Throws as `toFloat32` does. */
export function toFloats(
  type: StoredType,
  bytes: Uint8Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  return isDtype(type) ? toFloat32(type, bytes) : widenBlocks(type, bytes)
}
