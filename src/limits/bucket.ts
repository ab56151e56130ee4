/**
 * The arithmetic of a bucket that leaks a minute's worth in a minute: how much of it is used, and what still fits. As a token
 * bucket, told from its other side: a limit may be used at once, and comes back steadily and not at the turn of a minute.
 * All times in milliseconds of one clock.
 */

const MINUTE_MS = 60_000

/** What was used at a moment. May exceed the limit: what turned out to cost more than was taken is owed. */
export interface Level {
  readonly used: number
  readonly at: number
}

export const EMPTY: Level = { used: 0, at: 0 }

/** What is still used of it. A clock that goes back gives nothing back. */
export function usedAt({ used, at }: Level, perMinute: number, now: number): number {
  return Math.max(0, used - (Math.max(0, now - at) * perMinute) / MINUTE_MS)
}

/** Whether so much more may be used. A hair is forgiven, or what has to wait an exact while would wait again. */
export function fits(used: number, amount: number, perMinute: number): boolean {
  return used + amount <= perMinute * (1 + 1e-9)
}

/** After which so much more fits, at least 1; of what fits at all. */
export function waitMs(used: number, amount: number, perMinute: number): number {
  return Math.max(1, Math.ceil(((used + amount - perMinute) * MINUTE_MS) / perMinute))
}

/** After which nothing is used. */
export function resetMs(used: number, perMinute: number): number {
  return Math.ceil((used * MINUTE_MS) / perMinute)
}
