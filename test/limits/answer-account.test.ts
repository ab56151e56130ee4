/** What an answer takes beforehand and what it has cost in the end, by a clock that stands still. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GenerationEvent } from '../../src/engine/types.ts'
import { AerieError } from '../../src/errors.ts'
import { currentAccount, runWithAccount } from '../../src/limits/account.ts'
import { AnswerAccount } from '../../src/limits/answer-account.ts'
import { meteredMedia } from '../../src/limits/metered-media.ts'
import { RateLimits } from '../../src/limits/rate-limits.ts'
import { parseLimits } from '../../src/limits/rules.ts'
import type { Media } from '../../src/media/types.ts'

function open(rule: object) {
  const limits = new RateLimits({ rules: parseLimits({ default: rule }, 'limits'), now: () => 0 })
  const account = limits.open('ward')!
  const used = () =>
    Object.fromEntries(
      account.balances().map(([limit, { limit: most, remaining }]) => [limit, most - remaining]),
    )
  const run = <T>(work: () => Promise<T>) => runWithAccount(account, work)
  return { limits, used, run }
}

const prefill = (promptTokens: number): GenerationEvent => ({
  type: 'prefill',
  ...{ promptTokens, cachedTokens: 0 },
  timings: { submittedAt: 0, admittedAt: 0, promptReadAt: 0 },
})
const token: GenerationEvent = { type: 'token', choice: 0, id: 1 }
const COST = { promptTokens: 100, maxTokens: 300, isBounded: true, mediaPixels: 5000 }
const RULE = { tokensPerMinute: 1000, mediaPixelsPerMinute: 10_000 }

test('an answer takes all that it may cost, and in the end what it is billed', async () => {
  const { used, run } = open(RULE)
  await run(async () => {
    using account = await AnswerAccount.take(COST)
    assert.deepEqual(used(), { tokens: 400, mediaPixels: 5000 })
    account.decoded(2000)
    account.see(prefill(100))
    for (let i = 0; i < 50; i++) account.see(token)
    // Fewer than were sampled: a stop text was found.
    account.billed({ promptTokens: 100, completionTokens: 47 })
  })
  assert.deepEqual(used(), { tokens: 147, mediaPixels: 2000 })
})

test('one that nobody hears to its end has cost what was read and written, over all its generations', async () => {
  const { used, run } = open(RULE)
  await run(async () => {
    using account = await AnswerAccount.take(COST)
    for (const event of [prefill(60), token, prefill(40), token, token]) account.see(event)
  })
  assert.deepEqual(used(), { tokens: 103, mediaPixels: 5000 })
  // Whose prompt was never read has cost no token; for want of room nothing was decoded either.
  await run(async () => {
    using account = await AnswerAccount.take(COST)
    account.refused(new AerieError('queue_full', 'full'))
  })
  assert.deepEqual(used(), { tokens: 103, mediaPixels: 5000 })
})

test('what does not fit takes nothing, neither of what would have', async () => {
  const { used, run } = open(RULE)
  await run(async () => {
    using first = await AnswerAccount.take(COST)
    first.see(prefill(100))
    using _second = await AnswerAccount.take(COST)
    await assert.rejects(AnswerAccount.take({ ...COST, mediaPixels: 1 }), {
      ...{ code: 'rate_limit_exceeded', limit: 'tokens', param: 'messages' },
      // 800 of 1000 are used and 400 wanted: 200 come back in 12 s.
      ...{ retryAfterSeconds: 12, shouldRetry: undefined },
      message:
        'rate limit reached for ward on tokens per minute: limit 1000, used 800, requested 400; try again in 12 s',
    })
    await assert.rejects(AnswerAccount.take({ ...COST, maxTokens: 0 }), {
      limit: 'media_pixels',
    })
    assert.deepEqual(used(), { tokens: 800, mediaPixels: 10_000 })
  })
  assert.deepEqual(used(), { tokens: 100, mediaPixels: 10_000 })
})

test('more than the limit is never served, but for an answer whose length nobody named', async () => {
  const { used, run } = open(RULE)
  await run(async () => {
    const long = { ...COST, maxTokens: 950, mediaPixels: 0 }
    await assert.rejects(AnswerAccount.take(long), {
      ...{ limit: 'tokens', shouldRetry: false, retryAfterSeconds: undefined },
      message: /^request too large for ward on tokens per minute: limit 1000, requested 1050;/,
    })
    {
      using account = await AnswerAccount.take({ ...long, isBounded: false })
      assert.equal(used()['tokens'], 1000)
      account.billed({ promptTokens: 100, completionTokens: 1200 })
    }
    // What was more is owed, and waited for.
    await assert.rejects(AnswerAccount.take({ ...COST, maxTokens: 0, mediaPixels: 0 }), {
      retryAfterSeconds: 24,
    })
    await assert.rejects(AnswerAccount.take({ ...long, promptTokens: 1000, isBounded: false }), {
      shouldRetry: false,
    })
  })
})

test('bytes of media count before they are opened, and what is fetched when it is here', async () => {
  const { used, run } = open({ mediaBytesPerMinute: 1000 })
  const calls: string[] = []
  const room = {
    load: async ({ from }: { from: { url: string } }) => {
      calls.push('load')
      return { bytes: { byteLength: from.url.startsWith('data:') ? 298 : 600 } }
    },
    release: () => calls.push('release'),
    ...{ clips: {}, sounds: {}, documents: {} },
  } as unknown as Media
  const media = meteredMedia(room)
  const { signal } = new AbortController()
  const load = (url: string) => media.load({ from: { url }, param: 'messages[0]' }, signal)
  await run(async () => {
    await load(`data:image/png;base64,${'A'.repeat(400)}`)
    assert.equal(used()['mediaBytes'], 298)
    await load('https://example.org/x.png')
    assert.equal(used()['mediaBytes'], 898)
    // In the request: refused unopened. Fetched: given back unseen.
    await assert.rejects(load(`data:image/png;base64,${'A'.repeat(400)}`), {
      ...{ code: 'rate_limit_exceeded', limit: 'media_bytes', param: 'messages[0]' },
    })
    await assert.rejects(load('https://example.org/y.png'), { limit: 'media_bytes' })
    assert.equal(used()['mediaBytes'], 898)
  })
  assert.deepEqual(calls, ['load', 'load', 'load', 'release'])
})

test('outside of a request, and of one without limits, everything is free', async () => {
  const taken = await currentAccount().take({ tokens: 1e12 })
  taken.settle({ tokens: 1 })
  const { limits } = open({ tokensPerMinute: 1 })
  limits.change(parseLimits({}, 'limits'))
  assert.equal(limits.open('ward'), undefined)
})
