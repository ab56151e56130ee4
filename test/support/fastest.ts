/** How long something takes where nothing else has the processor. */

const MOST_TRIES = 8

/**
 * Milliseconds of the fastest try; tries no further once one takes less than `limitMs`. A machine that stands still in one of
 * them says nothing of the work, and what really takes longer does so in all. `work` may say itself what it took, where
 * not all of it counts.
 */
export async function fastest(limitMs: number, work: () => unknown): Promise<number> {
  let ms = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < MOST_TRIES && ms >= limitMs; tries++) {
    const startedAt = performance.now()
    const own = await work()
    ms = Math.min(ms, typeof own === 'number' ? own : performance.now() - startedAt)
  }
  return ms
}
