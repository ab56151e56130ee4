/** Tiles of pictures, or windows of sounds, through the towers: those of all run together, and each gets its own back. */
import { freeMemory } from '../free-memory.ts'
import { itemsPerRun } from './run-size.ts'

/** `count` tiles or windows of equal shape, one after the other. */
export interface Items {
  readonly values: Float32Array
  readonly count: number
}

/** `perItem` floats for each item, in what `allocate` gives; no run has more than `maxBatch` items. */
export async function runItems(
  encode: (values: Float32Array, count: number) => Promise<Float32Array>,
  all: readonly Items[],
  maxBatch: number,
  perItem: number,
  allocate: (length: number) => Float32Array,
): Promise<{ readonly results: Float32Array[]; readonly runs: number }> {
  const values = joined(all.map((items) => items.values))
  const total = all.reduce((sum, { count }) => sum + count, 0)
  const itemSize = values.length / total
  const perRun = itemsPerRun(itemSize, maxBatch)
  const results = all.map(({ count }) => allocate(count * perItem))
  let next = 0
  let filled = 0
  for (let first = 0; first < total; first += perRun) {
    const count = Math.min(perRun, total - first)
    const run = values.subarray(first * itemSize, (first + count) * itemSize)
    const encoded = await encode(run, count) // [count, perItem], ours
    for (let item = 0; item < count; item++) {
      if (filled === results[next]!.length) {
        next++
        filled = 0
      }
      const from = item * perItem
      results[next]!.set(encoded.subarray(from, from + perItem), filled)
      filled += perItem
    }
    freeMemory(encoded.buffer)
  }
  freeMemory(values.buffer)
  return { results, runs: Math.ceil(total / perRun) }
}

/** One after the other; a single one is itself. */
export function joined(all: readonly Float32Array[]): Float32Array {
  if (all.length === 1) return all[0]!
  const whole = new Float32Array(all.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const values of all) {
    whole.set(values, offset)
    offset += values.length
  }
  return whole
}
