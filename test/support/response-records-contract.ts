/** What records of responses promise wherever they lie: one suite, run over SQLite and PostgreSQL. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { NewRecord, Quotas, ResponseRecords } from '../../src/responses/response-records.ts'

type InPromises = { readonly [Name in keyof ResponseRecords]: ResponseRecords[Name] }

export interface RecordsPlace extends AsyncDisposable {
  readonly records: InPromises
}

const LOTS: Quotas = { maxBytes: 1e9, maxTenantBytes: 1e9, maxResponses: 1e6 }
const FAR = 1e10
const CHAIN = { maxTurns: 10, maxBytes: 1e6 }
let next = 0

export function newRecord(changes: Partial<NewRecord> = {}): NewRecord {
  const id = `resp_${(++next).toString(16).padStart(36, '0')}`
  return {
    ...{ id, tenant: 'a', previousId: undefined, status: 'in_progress', createdAt: 100 },
    ...{ body: '{"é":1}', input: '[]', media: [], expiresAt: FAR, server: 's', until: FAR },
    ...changes,
  }
}

/** `dead`: what the name of a server begins with that is known to be gone. */
export function testResponseRecords(open: (dead: string) => Promise<RecordsPlace>): void {
  const withPlace = (what: string, test: (records: InPromises) => Promise<void>) =>
    it(what, async () => {
      await using place = await open('dead')
      await test(place.records)
    })

  const put = async (
    records: InPromises,
    changes: Partial<NewRecord> = {},
    { quotas = LOTS, isEnded = true } = {},
  ) => {
    const record = newRecord(changes)
    const outcome = await records.insert(record, quotas)
    const { id, tenant, body } = record
    if (isEnded && outcome.is === 'inserted') await records.finish(tenant, id, 'completed', body)
    return { ...record, outcome }
  }

  const idsThere = async (records: InPromises, all: readonly NewRecord[]) => {
    const found = await Promise.all(all.map(({ tenant, id }) => records.find(tenant, id, 0)))
    return found.map((one) => (one ? 1 : 0)).join('')
  }

  withPlace('what is put is found by its tenant until it expires, and counted', async (records) => {
    const { id } = await put(records, { media: ['m1', 'm2', 'm1'], expiresAt: 500 })
    assert.deepEqual(await records.find('a', id, 499), {
      ...{ id, status: 'completed', body: '{"é":1}', isLost: false },
    })
    assert.deepEqual(await records.input('a', id, 0), { input: '[]', media: ['m1', 'm2', 'm1'] })
    assert.equal(await records.find('b', id, 0), undefined)
    assert.equal(await records.input('b', id, 0), undefined)
    assert.equal(await records.find('a', id, 500), undefined)
    assert.equal(await records.remove('b', id, 0), false)
    assert.deepEqual(await records.totals(), { responses: 1, bytes: 10 + 4 })
  })

  withPlace(
    'equal media are kept once for each tenant, as long as anybody has them',
    async (records) => {
      const media = ['x'.repeat(1000)]
      const [one, two] = [await put(records, { media }), await put(records, { media })]
      const other = await put(records, { media, tenant: 'b' })
      assert.equal((await records.totals()).bytes, 3 * 10 + 2 * 1000)
      await records.remove('a', one.id, 0)
      assert.deepEqual((await records.input('a', two.id, 0))?.media, media)
      await records.remove('a', two.id, 0)
      assert.equal((await records.totals()).bytes, 10 + 1000)
      assert.equal(await records.removeExpired(FAR, 10), 1)
      assert.deepEqual(await records.totals(), { responses: 0, bytes: 0 })
      assert.equal(await records.find('b', other.id, 0), undefined)
    },
  )

  withPlace('it ends once, and nothing changes it afterwards', async (records) => {
    const { id } = await put(records, { status: 'queued' }, { isEnded: false })
    await records.begin('a', id)
    assert.equal((await records.find('a', id, 0))?.status, 'in_progress')
    assert.equal(await records.finish('b', id, 'completed', '{}'), false)
    assert.equal(await records.finish('a', id, 'incomplete', '{"b":22}'), true)
    assert.equal(await records.finish('a', id, 'cancelled', '{}'), false)
    await records.begin('a', id)
    const found = await records.find('a', id, 0)
    assert.deepEqual([found?.status, found?.body], ['incomplete', '{"b":22}'])
    assert.equal((await records.totals()).bytes, 8 + 2)
  })

  withPlace('a conversation is read from its oldest turn, or not at all', async (records) => {
    const ids: string[] = []
    for (let i = 0; i < 4; i++) {
      const previousId = ids.at(-1)
      ids.push((await put(records, { previousId, input: `[${i}]`, media: [`m${i}`] })).id)
    }
    const chain = await records.chain('a', ids[3]!, 0, CHAIN)
    assert.ok('turns' in chain)
    assert.deepEqual(
      chain.turns.map(({ id, input, media }) => [id, input, media.join()]),
      ids.map((id, i) => [id, `[${i}]`, `m${i}`]),
    )
    const short = { ...CHAIN, maxTurns: 3 }
    assert.deepEqual(await records.chain('a', ids[3]!, 0, short), { tooLong: 'turns' })
    assert.ok('turns' in (await records.chain('a', ids[2]!, 0, short)))
    const small = { ...CHAIN, maxBytes: 4 * (8 + 3 + 2) - 1 }
    assert.deepEqual(await records.chain('a', ids[3]!, 0, small), { tooLong: 'bytes' })
    assert.deepEqual(await records.chain('b', ids[3]!, 0, CHAIN), { missing: ids[3] })
    await records.remove('a', ids[1]!, 0)
    assert.deepEqual(await records.chain('a', ids[3]!, 0, CHAIN), { missing: ids[1] })
    const foreign = await put(records, { tenant: 'b', previousId: ids[0]! })
    assert.deepEqual(await records.chain('b', foreign.id, 0, CHAIN), { missing: ids[0] })
  })

  withPlace('one whose server is gone or silent is lost, until then it is not', async (records) => {
    const now = Math.floor(Date.now() / 1000)
    const lost = async (server: string, until: number) => {
      const { id } = await put(records, { server, until }, { isEnded: false })
      return (await records.find('a', id, 0))?.isLost
    }
    assert.deepEqual(
      [await lost('s', now + 60), await lost('s', now - 60), await lost('dead-1', now + 60)],
      [false, true, true],
    )
  })

  withPlace(
    'a server hears which of its own it still generates, and keeps them alive',
    async (records) => {
      const [one, two] = await Promise.all([
        put(records, { until: 1 }, { isEnded: false }),
        put(records, {}, { isEnded: false }),
      ])
      const other = await put(records, { server: 'o' }, { isEnded: false })
      await records.finish('a', two.id, 'cancelled', '{}')
      const ids = [one.id, two.id, other.id, 'resp_none']
      assert.deepEqual(await records.beat('s', ids, FAR), [one.id])
      assert.equal((await records.find('a', one.id, 0))?.isLost, false)
    },
  )

  withPlace(
    "old ones make room: a tenant's own, then those of whoever has most",
    async (records) => {
      const own = { ...LOTS, maxTenantBytes: 35 }
      const mine = []
      for (let i = 0; i < 5; i++) mine.push(await put(records, {}, { quotas: own }))
      assert.equal(await idsThere(records, mine), '00111')
      assert.deepEqual(mine[4]!.outcome, { is: 'inserted', evicted: 1 })
      const few = { ...LOTS, maxResponses: 4 }
      const theirs = [
        await put(records, { tenant: 'b' }, { quotas: few }),
        await put(records, { tenant: 'b' }, { quotas: few }),
      ]
      assert.equal(await idsThere(records, mine), '00011')
      assert.equal(await idsThere(records, theirs), '11')
      const tight = { ...LOTS, maxBytes: 50 }
      const large = await put(records, { tenant: 'c', media: ['x'.repeat(25)] }, { quotas: tight })
      assert.equal(large.outcome.is, 'inserted')
      assert.ok((await records.totals()).bytes <= 50)
      const whole = await put(records, { media: ['x'.repeat(50)] }, { quotas: tight })
      assert.deepEqual(whole.outcome, { is: 'too-large' })
    },
  )

  withPlace('what is being generated makes no room, and then nothing changes', async (records) => {
    const running = await put(records, { media: ['x'.repeat(80)] }, { isEnded: false })
    const before = await records.totals()
    const tight = { ...LOTS, maxBytes: 100 }
    const refused = await put(records, { media: ['y'] }, { quotas: tight })
    assert.deepEqual(refused.outcome, { is: 'full' })
    assert.deepEqual(await records.totals(), before)
    await records.finish('a', running.id, 'completed', running.body)
    assert.deepEqual((await put(records, { media: ['y'] }, { quotas: tight })).outcome, {
      ...{ is: 'inserted', evicted: 1 },
    })
  })
}
