/** What the encoder does with pictures for a tower of many sizes: those of one size and output run together. */
import { freeMemory } from '../free-memory.ts'
import type { TowerInput, TowerSession } from './backend.ts'
import { type Encoded, sharedFloats } from './encode-pictures.ts'
import type { TiledPicture } from './encoder-messages.ts'
import { joined } from './run-items.ts'
import { itemsPerRun } from './run-size.ts'

/** The output of each picture; a run is bounded as one of tiles is. */
export async function encodeForTower(
  session: TowerSession,
  pictures: readonly TiledPicture[],
  input: TowerInput,
  maxBatch: number,
): Promise<Encoded> {
  const perRun = itemsPerRun(3 * input.height * input.width, maxBatch)
  const features: Float32Array[] = []
  for (let first = 0; first < pictures.length; first += perRun) {
    const run = pictures.slice(first, first + perRun)
    const pixels = joined(run.map((picture) => picture.pixels))
    const seen = await session.see(pixels, run.length, input) // ours
    const each = seen.length / run.length
    for (let i = 0; i < run.length; i++) {
      const own = sharedFloats(each)
      own.set(seen.subarray(i * each, (i + 1) * each))
      features.push(own)
    }
    freeMemory(seen.buffer)
    freeMemory(pixels.buffer)
  }
  return { features, runs: Math.ceil(pictures.length / perRun) }
}
