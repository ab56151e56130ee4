/** What names have used, held against a bucket in whole numbers that forgets nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { waitMs } from '../../src/limits/bucket.ts'
import { LocalMeters } from '../../src/limits/meters.ts'
import type { Meter, Rule } from '../../src/limits/rules.ts'
import { propertyRuns } from '../support/property-runs.ts'

const MINUTE = 60_000n

/** Exact: what is used is kept in sixty-thousandths, so that a millisecond gives back a whole number. */
class ExactBucket {
  readonly #limit: bigint
  #used = 0n

  constructor(limit: number) {
    this.#limit = BigInt(limit)
  }

  pass(ms: number): void {
    this.add(0n - BigInt(ms) * this.#limit)
  }

  add(scaled: bigint): void {
    this.#used = this.#used + scaled < 0n ? 0n : this.#used + scaled
  }

  fits(amount: number): boolean {
    return this.#used + BigInt(amount) * MINUTE <= this.#limit * MINUTE
  }

  get used(): number {
    return Number(this.#used) / Number(MINUTE)
  }
}

const LIMIT = fc.integer({ min: 1, max: 2 ** 40 })
const SHARE = fc.integer({ min: 0, max: 1000 })
const event = fc.record({
  pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 90_000 })),
  requests: SHARE,
  tokens: SHARE,
  kind: fc.constantFrom('take', 'take', 'take', 'owe', 'give'),
})

test('takes all of what fits and nothing of what does not, as an exact bucket does', (t) => {
  fc.assert(
    fc.property(
      fc.record({ requests: LIMIT, tokens: LIMIT }),
      fc.array(event, { maxLength: 40 }),
      (limits, events) => {
        let now = 1000
        const meters = new LocalMeters(() => now)
        const rule: Rule = { perMinute: limits, concurrentRequests: undefined }
        const model = {
          requests: new ExactBucket(limits.requests),
          tokens: new ExactBucket(limits.tokens),
        }
        const names = ['requests', 'tokens'] as const
        for (const { pauseMs, kind, ...shares } of events) {
          now += pauseMs
          for (const name of names) model[name].pass(pauseMs)
          const amount = (name: 'requests' | 'tokens') =>
            Math.floor((limits[name] * shares[name]) / 1000)
          const amounts = { requests: amount('requests'), tokens: amount('tokens') }
          if (kind !== 'take') {
            const sign = kind === 'owe' ? 1 : -1
            meters.correct('someone', rule, {
              requests: sign * amounts.requests,
              tokens: sign * amounts.tokens,
            })
            for (const name of names) model[name].add(BigInt(sign * amounts[name]) * MINUTE)
            continue
          }
          const { refused, used } = meters.takeNow('someone', rule, amounts)
          const expected = names.find(
            (name) => amounts[name] > 0 && !model[name].fits(amounts[name]),
          )
          // Within the hair that is forgiven both are right.
          if (refused !== expected) {
            const near = (refused ?? expected) as 'requests' | 'tokens'
            const over = model[near].used + amounts[near] - limits[near]
            assert.ok(
              Math.abs(over) <= limits[near] * 1e-8,
              `${near}: ${over} over ${limits[near]}`,
            )
          }
          if (!refused) for (const name of names) model[name].add(BigInt(amounts[name]) * MINUTE)
          for (const name of names)
            assert.ok(Math.abs(used[name]! - model[name].used) <= limits[name] * 1e-6 + 1e-6)
        }
      },
    ),
    propertyRuns(300, t, 0.2),
  )
})

test('what was refused fits after the wait that it was told, and not before', (t) => {
  fc.assert(
    fc.property(
      LIMIT,
      fc.array(fc.tuple(SHARE, fc.integer({ min: 0, max: 20_000 })), {
        minLength: 1,
        maxLength: 20,
      }),
      (limit, takings) => {
        let now = 0
        const meters = new LocalMeters(() => now)
        const rule: Rule = { perMinute: { tokens: limit }, concurrentRequests: undefined }
        for (const [share, pauseMs] of takings) {
          now += pauseMs
          const amounts = { tokens: Math.max(1, Math.floor((limit * share) / 1000)) }
          const { refused, used } = meters.takeNow('someone', rule, amounts)
          if (!refused) continue
          const wait = waitMs(used.tokens!, amounts.tokens, limit)
          if (wait > 2) {
            now += wait - 2
            assert.equal(meters.takeNow('someone', rule, amounts).refused, 'tokens')
            now += 2
          } else now += wait
          assert.equal(meters.takeNow('someone', rule, amounts).refused, undefined)
        }
      },
    ),
    propertyRuns(300, t, 0.2),
  )
})

test('a limit that changes leaves what was used; one that goes takes it along', () => {
  let now = 0
  const meters = new LocalMeters(() => now)
  const rule = (tokens: number): Rule => ({ perMinute: { tokens }, concurrentRequests: undefined })
  const NONE: Rule = { perMinute: {}, concurrentRequests: undefined }
  assert.equal(meters.takeNow('a', rule(100), { tokens: 80 }).refused, undefined)
  assert.equal(meters.takeNow('a', rule(50), { tokens: 1 }).refused, 'tokens')
  assert.equal(meters.takeNow('a', rule(1000), { tokens: 900 }).refused, undefined)
  meters.takeNow('b', rule(10), { tokens: 1 })
  assert.equal(meters.size, 2)
  meters.prune((name) => (name === 'a' ? rule(1000) : NONE))
  assert.equal(meters.size, 1)
  now += 60_000
  meters.prune(() => rule(1000))
  assert.equal(meters.size, 0)
})

test('a name that another uses up is not refused', () => {
  const meters = new LocalMeters(() => 0)
  const rule: Rule = { perMinute: { requests: 1 }, concurrentRequests: undefined }
  const take = (name: string): Meter | undefined =>
    meters.takeNow(name, rule, { requests: 1 }).refused
  assert.deepEqual([take('a'), take('a'), take('b')], [undefined, 'requests', undefined])
})
