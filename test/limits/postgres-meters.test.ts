/** Limits that replicas share, and what holds while their database is away. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { LocalMeters } from '../../src/limits/meters.ts'
import { PostgresMeters } from '../../src/limits/postgres-meters.ts'
import type { Rule } from '../../src/limits/rules.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { NO_POSTGRES, startPostgres } from '../support/postgres-server.ts'

const rule = (requests: number, tokens: number): Rule => ({
  perMinute: { requests, tokens },
  concurrentRequests: undefined,
})

function replica(url: string, lines: string[] = []) {
  const logger = createLogger({
    ...{ level: 'info', pretty: false },
    stream: { write: (line) => void lines.push(line) },
  })
  const local = new LocalMeters()
  // As patient as a busy machine makes it be.
  const meters = new PostgresMeters(local, { url, logger, patienceMs: 20_000, retryMs: 50 })
  return { meters, local, [Symbol.asyncDispose]: () => meters[Symbol.asyncDispose]() }
}

describe('limits in PostgreSQL', { skip: NO_POSTGRES }, () => {
  it('hold for all replicas together, however they hurry', async () => {
    await using postgres = await startPostgres()
    const url = await postgres.createDatabase()
    await using one = replica(url)
    await using other = replica(url)
    // So many that none comes back while this lasts.
    const few = rule(2, 1e6)
    const many: Rule = { perMinute: { tokens: 1000 }, concurrentRequests: undefined }
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        [one, other][i % 2]!.meters.take('ward', few, { requests: 1, tokens: 10 }),
      ),
    )
    const served = taken.filter(({ refused }) => refused === undefined).length
    assert.ok(served === 2 || served === 3, `${served} of 2 a minute`)
    assert.ok(taken.every(({ refused }) => refused === undefined || refused === 'requests'))
    // Nothing was taken of tokens by those that were refused requests.
    const left = await other.meters.take('ward', few, {})
    assert.ok(left.used.tokens! <= 10 * served)
    // Another name, and what one replica gives back the other may use.
    assert.equal((await one.meters.take('bed', many, { tokens: 1000 })).refused, undefined)
    assert.equal((await other.meters.take('bed', many, { tokens: 900 })).refused, 'tokens')
    one.meters.correct('bed', many, { tokens: -950 })
    while ((await other.meters.take('bed', many, { tokens: 900 })).refused) await delay(10)
    // What is owed goes beyond the limit.
    other.meters.correct('bed', many, { tokens: 5000 })
    while ((await one.meters.take('bed', many, {})).used.tokens! < 4000) await delay(10)
    assert.deepEqual(one.meters.stats(), { isReached: true, failures: 0 })
  })

  it('go on at each replica while the database is away, from where they stood, and are shared again after it', async () => {
    await using postgres = await startPostgres()
    const url = await postgres.createDatabase()
    const lines: string[] = []
    await using one = replica(url, lines)
    const slow = rule(1e6, 600)
    assert.equal((await one.meters.take('ward', slow, { tokens: 500 })).refused, undefined)
    await postgres.stop()
    // Neither refused for want of a database nor without limits.
    const small = await one.meters.take('ward', slow, { tokens: 20 })
    assert.equal(small.refused, undefined)
    assert.ok(small.used.tokens! > 20, 'it is known what was used')
    assert.equal((await one.meters.take('ward', slow, { tokens: 590 })).refused, 'tokens')
    for (let i = 0; i < 3; i++) {
      await delay(60)
      await one.meters.take('ward', slow, { requests: 1 })
    }
    const { isReached, failures } = one.meters.stats()
    assert.ok(!isReached && failures > 1)
    const said = () => lines.filter((line) => /limits are (not )?shared/.test(line))
    assert.equal(said().length, 1, 'said once')
    await postgres.start()
    while (!one.meters.stats().isReached) {
      await delay(60)
      await one.meters.take('ward', slow, { requests: 1 })
    }
    assert.match(said()[1] ?? '', /shared with other servers again/)
  })
})
