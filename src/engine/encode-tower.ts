/** What the encoder does with pictures for a tower of many sizes: those of one size and output run together. */
import { freeMemory } from '../free-memory.ts'
import type { TowerInput, TowerSession } from './backend.ts'
import { joinPixels, RUN_FLOATS, sharedFloats } from './encode-pictures.ts'
import type { TiledPicture } from './encoder-messages.ts'

/**
 * The output of each picture in shared memory. No run has more than `maxBatch` pictures, or more pixels than a run of tiles
 * has, unless one picture alone does.
 */
export async function encodeForTower(
  session: TowerSession,
  pictures: readonly TiledPicture[],
  input: TowerInput,
  maxBatch: number,
): Promise<Float32Array[]> {
  const floats = 3 * input.height * input.width
  const perRun = Math.max(1, Math.min(maxBatch, Math.floor(RUN_FLOATS / floats)))
  const results: Float32Array[] = []
  for (let first = 0; first < pictures.length; first += perRun) {
    const run = pictures.slice(first, first + perRun)
    const pixels = joinPixels(run)
    const seen = await session.see(pixels, run.length, input) // ours
    const each = seen.length / run.length
    for (let i = 0; i < run.length; i++) {
      const own = sharedFloats(each)
      own.set(seen.subarray(i * each, (i + 1) * each))
      results.push(own)
    }
    freeMemory(seen.buffer)
    freeMemory(pixels.buffer)
  }
  return results
}
