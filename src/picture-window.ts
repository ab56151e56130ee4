/** A request with a thousand pictures has no more of them under way than one with a few. */

/**
 * Enough that no decoder waits and the towers' batches fill. More would be pictures of one request that stand in the
 * queue before those of others, and pixels in memory that wait for the towers.
 */
export const PICTURES_AT_ONCE = 16

/**
 * Runs a task for each item, a few at a time, in order, and gives their results in that order. The first failure aborts
 * the others and is the one that is thrown; nothing runs any more by then, and what was finished went to `discard`.
 */
export async function inWindow<Item, Result>(
  items: readonly Item[],
  signal: AbortSignal,
  run: (item: Item, signal: AbortSignal) => Promise<Result>,
  discard: (result: Result) => void = () => {},
  atOnce = PICTURES_AT_ONCE,
): Promise<Result[]> {
  const abort = new AbortController()
  const linked = AbortSignal.any([signal, abort.signal])
  const results = new Map<number, Result>()
  const waiting = items.entries()
  const lane = async () => {
    // All lanes draw from the one iterator.
    for (const [i, item] of waiting) {
      linked.throwIfAborted()
      results.set(i, await run(item, linked))
    }
  }
  const lanes = Array.from({ length: Math.min(atOnce, items.length) }, lane)
  try {
    await Promise.all(lanes)
  } catch (error) {
    abort.abort()
    await Promise.allSettled(lanes)
    for (const result of results.values()) discard(result)
    throw error
  }
  return items.map((_, i) => results.get(i)!)
}
