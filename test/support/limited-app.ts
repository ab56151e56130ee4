/** An app whose keys have limits, with a clock that a test moves. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { HttpOptions } from '../../src/http/app.ts'
import type { ApiKeys } from '../../src/http/auth.ts'
import { RateLimits } from '../../src/limits/rate-limits.ts'
import { parseLimits } from '../../src/limits/rules.ts'
import type { EchoOptions } from './echo-service.ts'
import { openTestApp } from './http-app.ts'

export const KEYS: ApiKeys = {
  nameOf: (authorization) => /^Bearer (\w+)-key$/.exec(authorization ?? '')?.[1],
  names: () => ['ward', 'other'],
  read: async () => () => {},
}
export const WARD = { authorization: 'Bearer ward-key' }
export const OTHER = { authorization: 'Bearer other-key' }

/** With a clock that stands still unless it is told to go on. */
export async function openLimited(
  rules: object,
  more: Partial<HttpOptions> & { readonly echo?: EchoOptions } = {},
) {
  const clock = { now: 0 }
  const limits = new RateLimits({ rules: parseLimits(rules, 'limits'), now: () => clock.now })
  const app = await openTestApp({ apiKeys: KEYS, limits, ...more })
  return { ...app, limits, clock, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() }
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 60_000
  while (!condition()) {
    assert.ok(performance.now() < end, `still not: ${what}`)
    await delay(2)
  }
}

export const balance = (limits: RateLimits, name: string, limit: string) =>
  limits
    .open(name)!
    .balances()
    .find(([which]) => which === limit)![1]
