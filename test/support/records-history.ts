/** Random histories of records of files beside a plain list of them, and every way through the pages. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { FilePurpose } from '../../src/files/contract.ts'
import { newBlobKey, newFileId } from '../../src/files/file-id.ts'
import type { FileRecord, FileRecords, InsertOutcome } from '../../src/files/file-records.ts'

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
      /** With the key of a blob that was given up, where there is one. */
      late: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('condemn' as const), which: fc.nat() }),
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

const QUOTAS = { maxBytes: 600, maxTenantBytes: 400 }

export const histories = fc.array(step, { maxLength: 60, size: 'max' })

export class RecordsHistory {
  readonly #records: FileRecords
  #condemned: string[] = []
  #model: FileRecord[] = []
  #ms = 1_800_000_000_000

  /** `records` must be empty. */
  constructor(records: FileRecords) {
    this.#records = records
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const one of steps) {
      await this.#step(one)
      await this.#compare()
    }
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

  async #step(one: Step): Promise<void> {
    if (one.do === 'insert') await this.#insert(one)
    if (one.do === 'remove') await this.#removeAny(one)
    if (one.do === 'expire') await this.#expire(one)
    if (one.do === 'list') await this.#list(one)
    if (one.do === 'condemn') await this.#condemn(one)
    // A clock that is set back now and then.
    if (one.do === 'wait') this.#ms += one.seconds * 1000
  }

  async #removeAny({ tenant, which }: Extract<Step, { do: 'remove' }>): Promise<void> {
    const target = this.#model[which % Math.max(1, this.#model.length)]
    if (!target) return
    const mine = this.#alive(tenant).find(({ id }) => id === target.id)
    assert.deepEqual(await this.#records.remove(tenant, target.id, this.#now), mine)
    if (mine) this.#model = this.#model.filter(({ id }) => id !== mine.id)
  }

  async #expire({ limit }: Extract<Step, { do: 'expire' }>): Promise<void> {
    const never = Number.POSITIVE_INFINITY
    const due = this.#model.filter(({ expiresAt = never }) => expiresAt <= this.#now)
    const gone = (await this.#records.removeExpired(this.#now, limit)).map(({ id }) => id)
    assert.equal(gone.length, Math.min(due.length, limit))
    assert.ok(gone.every((id) => due.some((record) => record.id === id)))
    this.#model = this.#model.filter(({ id }) => !gone.includes(id))
  }

  async #insert({
    tenant,
    purpose,
    lifetime,
    bytes,
    late,
  }: Extract<Step, { do: 'insert' }>): Promise<void> {
    this.#ms += 1
    const blob = (late ? this.#condemned.at(-1) : undefined) ?? newBlobKey()
    const record: FileRecord = {
      id: newFileId(this.#ms),
      ...{ tenant, purpose, bytes, blob, filename: 'f', sha256: '0'.repeat(64) },
      createdAt: this.#now,
      expiresAt: lifetime === undefined ? undefined : this.#now + lifetime,
    }
    const outcome = this.#outcomeOf(record)
    assert.equal(await this.#records.insert(record, QUOTAS), outcome)
    if (outcome === 'inserted') this.#model.push(record)
  }

  #outcomeOf({ tenant, blob, bytes }: FileRecord): InsertOutcome {
    const sum = (records: readonly FileRecord[]) => records.reduce((n, one) => n + one.bytes, bytes)
    if (this.#condemned.includes(blob)) return 'condemned'
    if (sum(this.#model) > QUOTAS.maxBytes) return 'full'
    const own = this.#model.filter((record) => record.tenant === tenant)
    return sum(own) > QUOTAS.maxTenantBytes ? 'tenant-full' : 'inserted'
  }

  /** One key of a record, and one of none. */
  async #condemn({ which }: Extract<Step, { do: 'condemn' }>): Promise<void> {
    const stray = newBlobKey()
    const kept = this.#model[which % Math.max(1, this.#model.length)]?.blob
    const keys = kept === undefined ? [stray] : [kept, stray]
    assert.deepEqual(await this.#records.condemn(keys, this.#now), [stray])
    this.#condemned.push(stray)
  }

  /** Page by page; `deleting` removes each page's files before the next is asked for. */
  async #list(one: Extract<Step, { do: 'list' }>): Promise<void> {
    const { tenant, order, limit, purpose, deleting } = one
    const wanted = this.#alive(tenant).filter((r) => purpose === undefined || r.purpose === purpose)
    const expected = (order === 'asc' ? wanted : wanted.toReversed()).map(({ id }) => id)
    const seen: string[] = []
    for (let after: string | undefined; ; ) {
      const query = { tenant, after, limit, order, purpose }
      const { files, hasMore } = await this.#records.list(query, this.#now)
      assert.ok(files.length <= limit)
      seen.push(...files.map(({ id }) => id))
      assert.equal(hasMore, seen.length < expected.length)
      if (deleting) for (const { id } of files) await this.#remove(tenant, id)
      after = files.at(-1)?.id
      if (!hasMore) break
    }
    assert.deepEqual(seen, expected)
  }

  async #remove(of: string, id: string): Promise<void> {
    assert.ok(await this.#records.remove(of, id, this.#now))
    this.#model = this.#model.filter((record) => record.id !== id)
  }

  async #compare(): Promise<void> {
    const bytes = this.#model.reduce((sum, one) => sum + one.bytes, 0)
    assert.deepEqual(await this.#records.totals(), { files: this.#model.length, bytes })
    const blobs = this.#model.map(({ blob }) => blob)
    const known = await this.#records.known([...blobs, newBlobKey()])
    assert.deepEqual(known.toSorted(), blobs.toSorted())
    const paged = await this.#records.byBlob('', 'g', 1000)
    assert.deepEqual(
      paged.map(({ blob }) => blob),
      blobs.toSorted(),
    )
    for (const owner of ['a', 'b']) {
      const own = this.#model.filter((record) => record.tenant === owner)
      const sum = own.reduce((n, one) => n + one.bytes, 0)
      const totals = await this.#records.tenantTotals(owner)
      assert.deepEqual(totals, { files: own.length, bytes: sum })
      for (const record of this.#alive(owner)) {
        assert.deepEqual(await this.#records.find(owner, record.id, this.#now), record)
        assert.equal(
          await this.#records.find(owner === 'a' ? 'b' : 'a', record.id, this.#now),
          undefined,
        )
      }
    }
  }
}
