/** How many tiles or pictures the towers take in one run. */

/**
 * Floats of pixels that one run of the towers takes at most: eight tiles of 448×448. What the first layers of a tower hold
 * grows with the pixels, and at 1024×1024 one tile keeps every core busy: more of them would only need gigabytes at once.
 */
const RUN_FLOATS = 8 * 3 * 448 * 448

/** Items of so many floats each: no more than `maxBatch`, and no more pixels than a run takes, but for a single item. */
export function itemsPerRun(floats: number, maxBatch: number): number {
  return Math.max(1, Math.min(maxBatch, Math.floor(RUN_FLOATS / floats)))
}
