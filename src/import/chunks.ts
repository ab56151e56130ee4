/** Cuts a file of weights into chunks such that no element of a tensor lies in two of them. */
import type { Dtype } from '../weights/dtype.ts'

/** What of a file is looked at for values that no model may have. */
export interface ScannedTensor {
  readonly name: string
  readonly dtype: Dtype
  /** From the file's start; tensors neither overlap nor come out of order. */
  readonly offset: number
  readonly byteLength: number
}

/** A piece of a tensor in a chunk. */
export interface Segment {
  readonly tensor: string
  readonly dtype: Dtype
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

/** Every element is a power of two of at most so many bytes. */
const LARGEST_ELEMENT = 8

/** The chunks of a file of `fileBytes` bytes in order, each of at most `mostBytes`, at least 16. */
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
      if (after > end) end -= (end - begin) % LARGEST_ELEMENT
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
