/** Cuts a file of weights into chunks such that no element or block of a tensor lies in two of them. */
import { isDtype } from '../weights/dtype.ts'
import { elementsOfBlock, type StoredType, storedBytes } from '../weights/stored-type.ts'

/** What of a file is looked at for values that no model may have. */
export interface ScannedTensor {
  readonly name: string
  readonly dtype: StoredType
  /** From the file's start; tensors neither overlap nor come out of order. */
  readonly offset: number
  readonly byteLength: number
}

/** A piece of a tensor in a chunk. */
export interface Segment {
  readonly tensor: string
  readonly dtype: StoredType
  /** Bytes from the chunk's start. */
  readonly start: number
  readonly byteLength: number
  /** Bytes of the tensor that came before. */
  readonly skipped: number
}

export interface Chunk {
  readonly offset: number
  readonly byteLength: number
  readonly segments: readonly Segment[]
}

/** What every element's size divides, so that a tensor goes on in the next chunk as it is aligned. */
const LARGEST_ELEMENT = 8

/** The chunks of a file of `fileBytes` bytes in order, each of at most `mostBytes`, at least two blocks of any type. */
export function* planChunks(
  fileBytes: number,
  tensors: readonly ScannedTensor[],
  mostBytes: number,
): Generator<Chunk> {
  let first = 0
  for (let offset = 0; offset < fileBytes; ) {
    let end = Math.min(offset + mostBytes, fileBytes)
    const segments: Segment[] = []
    for (let i = first; i < tensors.length; i++) {
      const { name, dtype, offset: begin, byteLength } = tensors[i]!
      if (begin >= end) break
      const after = begin + byteLength
      if (after > end) end -= (end - begin) % undivided(dtype)
      else first = i + 1
      const from = Math.max(begin, offset)
      const length = Math.min(after, end) - from
      if (length > 0)
        segments.push({
          tensor: name,
          dtype,
          start: from - offset,
          byteLength: length,
          skipped: from - begin,
        })
    }
    yield { offset, byteLength: end - offset, segments }
    offset = end
  }
}

/** Bytes that are looked at together. */
function undivided(dtype: StoredType): number {
  return isDtype(dtype) ? LARGEST_ELEMENT : storedBytes(dtype, elementsOfBlock(dtype))
}
