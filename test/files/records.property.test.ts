/** Random histories of the records beside a plain list of them, and every way through the pages. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { FilePurpose } from '../../src/files/contract.ts'
import { newBlobKey, newFileId } from '../../src/files/file-id.ts'
import type { FileRecord } from '../../src/files/file-records.ts'
import { SqliteRecords } from '../../src/files/sqlite-records.ts'
import { propertyRuns } from '../support/property-runs.ts'

const tenant = fc.constantFrom('a', 'b')
const purpose = fc.constantFrom<FilePurpose>('batch', 'user_data')
const lifetime = fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined })

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('insert' as const),
      tenant,
      purpose,
      lifetime,
      bytes: fc.nat(50),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('remove' as const), tenant, which: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('expire' as const),
      limit: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      seconds: fc.integer({ min: -1, max: 10 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('list' as const),
      tenant,
      order: fc.constantFrom('asc' as const, 'desc' as const),
      limit: fc.integer({ min: 1, max: 4 }),
      purpose: fc.option(purpose, { nil: undefined }),
      deleting: fc.boolean(),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const MOST_BYTES = 600

class History {
  readonly #records = new SqliteRecords(':memory:')
  #model: FileRecord[] = []
  #ms = 1_800_000_000_000

  run(steps: readonly Step[]): void {
    for (const one of steps) {
      this.#step(one)
      this.#compare()
    }
    this.#records.close()
  }

  get #now(): number {
    return Math.floor(this.#ms / 1000)
  }

  #alive(of: string): FileRecord[] {
    const isAlive = ({ expiresAt = Number.POSITIVE_INFINITY }: FileRecord) => expiresAt > this.#now
    return this.#model
      .filter((record) => record.tenant === of && isAlive(record))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }

  #step(one: Step): void {
    if (one.do === 'insert') this.#insert(one)
    if (one.do === 'remove') this.#removeAny(one)
    if (one.do === 'expire') this.#expire(one)
    if (one.do === 'list') this.#list(one)
    // A clock that is set back now and then.
    if (one.do === 'wait') this.#ms += one.seconds * 1000
  }

  #removeAny({ tenant, which }: Extract<Step, { do: 'remove' }>): void {
    const target = this.#model[which % Math.max(1, this.#model.length)]
    if (!target) return
    const mine = this.#alive(tenant).find(({ id }) => id === target.id)
    assert.deepEqual(this.#records.remove(tenant, target.id, this.#now), mine)
    if (mine) this.#model = this.#model.filter(({ id }) => id !== mine.id)
  }

  #expire({ limit }: Extract<Step, { do: 'expire' }>): void {
    const never = Number.POSITIVE_INFINITY
    const due = this.#model.filter(({ expiresAt = never }) => expiresAt <= this.#now)
    const gone = this.#records.removeExpired(this.#now, limit).map(({ id }) => id)
    assert.equal(gone.length, Math.min(due.length, limit))
    assert.ok(gone.every((id) => due.some((record) => record.id === id)))
    this.#model = this.#model.filter(({ id }) => !gone.includes(id))
  }

  #insert({ tenant, purpose, lifetime, bytes }: Extract<Step, { do: 'insert' }>): void {
    this.#ms += 1
    const record: FileRecord = {
      id: newFileId(this.#ms),
      ...{ tenant, purpose, bytes, blob: newBlobKey(), filename: 'f', sha256: '0'.repeat(64) },
      createdAt: this.#now,
      expiresAt: lifetime === undefined ? undefined : this.#now + lifetime,
    }
    const total = this.#model.reduce((sum, one) => sum + one.bytes, 0)
    const fits = total + bytes <= MOST_BYTES
    assert.equal(this.#records.insert(record, MOST_BYTES), fits)
    if (fits) this.#model.push(record)
  }

  /** Page by page; `deleting` removes each page's files before the next is asked for. */
  #list(one: Extract<Step, { do: 'list' }>): void {
    const { tenant, order, limit, purpose, deleting } = one
    const wanted = this.#alive(tenant).filter((r) => purpose === undefined || r.purpose === purpose)
    const expected = (order === 'asc' ? wanted : wanted.toReversed()).map(({ id }) => id)
    const seen: string[] = []
    for (let after: string | undefined; ; ) {
      const query = { tenant, after, limit, order, purpose }
      const { files, hasMore } = this.#records.list(query, this.#now)
      assert.ok(files.length <= limit)
      seen.push(...files.map(({ id }) => id))
      assert.equal(hasMore, seen.length < expected.length)
      if (deleting) for (const { id } of files) this.#remove(tenant, id)
      after = files.at(-1)?.id
      if (!hasMore) break
    }
    assert.deepEqual(seen, expected)
  }

  #remove(of: string, id: string): void {
    assert.ok(this.#records.remove(of, id, this.#now))
    this.#model = this.#model.filter((record) => record.id !== id)
  }

  #compare(): void {
    const bytes = this.#model.reduce((sum, one) => sum + one.bytes, 0)
    assert.deepEqual(this.#records.totals(), { files: this.#model.length, bytes })
    const blobs = this.#model.map(({ blob }) => blob)
    const known = this.#records.known([...blobs, newBlobKey()])
    assert.deepEqual(known.toSorted(), blobs.toSorted())
    for (const owner of ['a', 'b']) {
      for (const record of this.#alive(owner)) {
        assert.deepEqual(this.#records.find(owner, record.id, this.#now), record)
        assert.equal(this.#records.find(owner === 'a' ? 'b' : 'a', record.id, this.#now), undefined)
      }
    }
  }
}

it('records are what a plain list of them would be, through every history', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) =>
      new History().run(steps),
    ),
    { ...propertyRuns(60, t), endOnFailure: false },
  )
})

it('ids are never the same and sort by time', () => {
  const ids = Array.from({ length: 2000 }, (_, i) => newFileId(1_800_000_000_000 + i))
  assert.equal(new Set(ids.map((id) => id.slice(17))).size, ids.length)
  assert.deepEqual(ids.toSorted(), ids)
})
