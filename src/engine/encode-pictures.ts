/** What the encoder does with a batch of pictures: tiles run together, and where a family says so, merged before they are projected. */
import { blockCount, blockSize, mergeBlock, placeBlock } from '../../models/tiling/merge-scales.ts'
import { freeMemory, sharedMemoryPassed } from '../free-memory.ts'
import type { EncoderSession, MergingProjector } from './backend.ts'
import type { TiledPicture } from './encoder-messages.ts'
import { runItems } from './run-items.ts'

/** What came of some pictures. */
export interface Encoded {
  /** One array a picture, in shared memory. */
  readonly features: readonly Float32Array[]
  /** Runs of the towers that it took. */
  readonly runs: number
}

/** Features `[rows, hidden]` of each picture; no run has more than `maxBatch` tiles or blocks. */
export async function encodePictures(
  session: EncoderSession,
  pictures: readonly TiledPicture[],
  maxBatch: number,
): Promise<Encoded> {
  const { merging, tokensPerTile, hiddenSize } = session
  const items = pictures.map(({ pixels, layout }) => ({ values: pixels, count: layout.tiles }))
  const encode = (pixels: Float32Array, tiles: number) => session.encode(pixels, tiles)
  if (!merging) {
    const perTile = tokensPerTile * hiddenSize
    const { results, runs } = await runItems(encode, items, maxBatch, perTile, sharedFloats)
    return { features: results, runs }
  }
  const { grid, channels } = merging.merge
  const own = (length: number) => new Float32Array(length)
  const perTile = grid * grid * channels
  const { results: maps, runs } = await runItems(encode, items, maxBatch, perTile, own)
  try {
    return { features: await projectBlocks(session, merging, pictures, maps, maxBatch), runs }
  } finally {
    for (const { buffer } of maps) freeMemory(buffer)
  }
}

/** Merges and projects the blocks of all pictures together, `maxBatch` at a time: no more of them exist at once. */
async function projectBlocks(
  { tokensPerTile, hiddenSize }: EncoderSession,
  { merge, project }: MergingProjector,
  pictures: readonly TiledPicture[],
  maps: readonly Float32Array[],
  maxBatch: number,
): Promise<Float32Array[]> {
  const places = pictures.flatMap(({ layout }, picture) =>
    Array.from({ length: blockCount(layout, merge) }, (_, block) => ({ picture, block })),
  )
  const perBlock = tokensPerTile * hiddenSize
  const features = pictures.map(({ layout }) => sharedFloats(blockCount(layout, merge) * perBlock))
  const size = blockSize(merge)
  for (let first = 0; first < places.length; first += maxBatch) {
    const run = places.slice(first, first + maxBatch)
    const blocks = new Float32Array(run.length * size)
    run.forEach(({ picture, block }, i) => {
      const into = blocks.subarray(i * size, (i + 1) * size)
      mergeBlock(maps[picture]!, pictures[picture]!.layout, merge, block, into)
    })
    const projected = await project(blocks, run.length) // [run, perBlock], ours
    run.forEach(({ picture, block }, i) => {
      const own = projected.subarray(i * perBlock, (i + 1) * perBlock)
      placeBlock(own, pictures[picture]!.layout, merge, block, hiddenSize, features[picture]!)
    })
    freeMemory(blocks.buffer)
    freeMemory(projected.buffer)
  }
  return features
}

/** Zeros that other threads may read. */
export function sharedFloats(length: number): Float32Array {
  sharedMemoryPassed(length * Float32Array.BYTES_PER_ELEMENT)
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT))
}
