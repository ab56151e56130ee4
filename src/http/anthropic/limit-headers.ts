/** What is left of a key's limits, in the headers that Anthropic's clients look for. */
import type { Balance, Limit } from '../../limits/rate-limits.ts'

/** Theirs are of requests and of tokens; what a key may send of media has the names that it has everywhere. */
const NAMES: Partial<Readonly<Record<Limit, string>>> = { requests: 'requests', tokens: 'tokens' }

/**
 * `anthropic-ratelimit-requests-limit`, `-remaining` and `-reset`, and so of tokens. Theirs say when all of it is there again, in RFC 3339,
 * where OpenAI's say how long that takes. `now`: Unix milliseconds.
 */
export function anthropicLimitHeaders(
  balances: readonly (readonly [Limit, Balance])[],
  now: number,
): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [limit, { limit: most, remaining, resetMs }] of balances) {
    const name = NAMES[limit]
    if (name === undefined) continue
    headers[`anthropic-ratelimit-${name}-limit`] = String(most)
    headers[`anthropic-ratelimit-${name}-remaining`] = String(remaining)
    if (resetMs !== undefined) headers[`anthropic-ratelimit-${name}-reset`] = instant(now + resetMs)
  }
  return headers
}

/** In whole seconds, as theirs, and never before it is true. */
function instant(ms: number): string {
  return new Date(Math.ceil(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z')
}
