/** Records of batches in a real PostgreSQL: no line is lost and none counts twice, whatever servers do, one after the other and at once. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { PostgresBatchRecords } from '../../src/batches/postgres-records.ts'
import { PostgresDatabase } from '../../src/files/postgres-database.ts'
import { newBatch, newLine, resultOf, TENANT } from '../support/batch-model.ts'
import { BatchSchedule, schedules } from '../support/batch-schedule.ts'
import { NO_POSTGRES, type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { propertyRuns } from '../support/property-runs.ts'

const LEASE = 1e6
const TABLES = ['batches', 'lines', 'results', 'servers']

describe('records of batches in PostgreSQL', { skip: NO_POSTGRES }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server[Symbol.asyncDispose]())

  async function openRecords(url: string, isDead?: (name: string) => boolean) {
    const logger = { info() {}, warn() {}, error() {} }
    const database = new PostgresDatabase({ url, maxConnections: 4, logger, subject: 'batches' })
    const records = await PostgresBatchRecords.open(database, isDead)
    return { records, database, [Symbol.asyncDispose]: () => database.dispose() }
  }

  /** A batch whose lines wait. */
  async function fill(records: PostgresBatchRecords, number: number, lines: number) {
    const { id } = newBatch(number, 100)
    await records.insert(newBatch(number, 100), { maxBatches: 100 })
    await records.beat('reader', 100, 100 + LEASE)
    await records.takeTask('reader', 100)
    const all = Array.from({ length: lines }, (_, i) => newLine(i + 1, `m${i % 5}`))
    const progress = { bytes: 0, lines, faults: [] }
    assert.deepEqual(await records.addLines('reader', id, all, progress, 1e6), [])
    await records.endReading('reader', id, { faults: [], model: 'm' }, 100)
    return id
  }

  /** Lines that a server died with, to their end one after the other, each with its result twice; the crashes of each. */
  async function finishAll(records: PostgresBatchRecords, name: string, id: string) {
    const crashes: number[] = []
    for (;;) {
      const [line, ...others] = await records.takeLines(name, id, 100)
      if (!line) return crashes
      assert.deepEqual(others, [], 'no more than one at a time')
      crashes.push(line.crashes)
      const result = resultOf(line, name)
      assert.equal(await records.storeResults(name, [result, result], 132), 1)
    }
  }

  it('whatever servers do, a line has one result at most, and every batch comes to its end', async (t) => {
    await using opened = await openRecords(await server.createDatabase())
    await fc.assert(
      fc.asyncProperty(schedules, async (steps) => {
        for (const table of TABLES)
          await opened.database.change(`DELETE FROM aerie_batches.${table}`, [])
        await new BatchSchedule(opened.records).run(steps)
      }),
      { ...propertyRuns(4, t, 0.002), endOnFailure: true },
    )
  })

  it('lines of one model come one behind the other, whatever media they name', async () => {
    await using opened = await openRecords(await server.createDatabase())
    const { records } = opened
    const batch = newBatch(1, 100)
    await records.insert(batch, { maxBatches: 1 })
    await records.beat('a', 100, 200)
    await records.takeTask('a', 100)
    const media = ['x', 'x', 'y', 'x', undefined]
    const places = [1, 0, 1, 1, 0]
    const lines = media.map((name, i) => newLine(i + 1, name, places[i]))
    await records.addLines('a', batch.id, lines, { bytes: 50, lines: 5, faults: [] }, 9)
    await records.endReading('a', batch.id, { faults: [], model: undefined }, 101)
    const taken = await records.takeLines('a', batch.id, 9)
    assert.deepEqual(
      taken.map(({ line }) => line),
      [2, 5, 1, 4, 3],
    )
  })

  it('lines that name the same media come one behind the other, and doubles are told', async () => {
    await using opened = await openRecords(await server.createDatabase())
    const { records } = opened
    const batch = newBatch(1, 100)
    await records.insert(batch, { maxBatches: 1 })
    assert.equal(await records.insert(newBatch(2, 100), { maxBatches: 1 }), false)
    await records.beat('a', 100, 200)
    await records.takeTask('a', 100)
    const lines = [newLine(1, 'x'), newLine(2, 'y'), newLine(3), newLine(4, 'x')]
    const double = { ...newLine(5, 'y'), customId: 'c2' }
    const twice = { ...newLine(6), customId: 'c7' }
    const seen = { bytes: 70, lines: 7, faults: [] }
    const all = [...lines, double, newLine(7, 'y'), twice]
    assert.equal(await records.addLines('a', batch.id, all, seen, 5), 'full')
    assert.deepEqual(await records.addLines('a', batch.id, all, seen, 7), [
      { line: 5, customId: 'c2', first: 2 },
      { line: 7, customId: 'c7', first: 6 },
    ])
    await records.endReading('a', batch.id, { faults: [], model: undefined }, 101)
    const taken = await records.takeLines('a', batch.id, 10)
    assert.deepEqual(
      taken.map(({ line }) => line),
      [1, 4, 2, 3, 6],
    )
    assert.deepEqual(taken[0], {
      ...{ batchId: batch.id, line: 1, customId: 'c1', offset: 10, length: 5 },
      ...{ media: 1, crashes: 0 },
    })
  })

  it('eight servers at once run each line once, and the last result ends the batch', async () => {
    const url = await server.createDatabase()
    const opened = await Promise.all(Array.from({ length: 4 }, () => openRecords(url)))
    const id = await fill(opened[0]!.records, 1, 400)
    const seen: number[] = []
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const { records } = opened[i % 4]!
        const name = `server ${i}`
        await records.beat(name, 100, 100 + LEASE)
        for (;;) {
          const lines = await records.takeLines(name, id, 7)
          if (lines.length === 0) return
          seen.push(...lines.map(({ line }) => line))
          const results = lines.map((line) => resultOf(line, name))
          assert.equal(await records.storeResults(name, results, 101), lines.length)
        }
      }),
    )
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      Array.from({ length: 400 }, (_, i) => i + 1),
    )
    const batch = await opened[0]!.records.find(TENANT, id)
    assert.equal(batch?.status, 'finalizing')
    assert.deepEqual(batch?.counts, { total: 400, completed: 267, failed: 133 })
    assert.equal(batch?.usage.outputTokens, 1200)
    const tasks = await Promise.all(opened.map(({ records }) => records.takeTask('server 0', 102)))
    assert.equal(tasks.filter((task) => task !== undefined).length, 1)
    for (const { database } of opened) await database.dispose()
  })

  it('what a silent server had is taken over, and what it brings later counts for nothing', async () => {
    const url = await server.createDatabase()
    await using one = await openRecords(url)
    await using other = await openRecords(url)
    const id = await fill(one.records, 1, 20)
    await one.records.beat('silent', 100, 130)
    const lines = await one.records.takeLines('silent', id, 20)
    await other.records.beat('lively', 130, 160)
    assert.deepEqual(await other.records.takeLines('lively', id, 20), [])
    await other.records.beat('lively', 131, 161)
    const late = lines.map((line) => resultOf(line, 'silent'))
    assert.equal(await one.records.storeResults('silent', late, 132), 0)
    const crashes = await finishAll(other.records, 'lively', id)
    assert.deepEqual(crashes, Array(20).fill(1))
    const [first] = await one.records.results(id, true, 0, 1)
    assert.match(Buffer.from(first!.text).toString(), /by lively$/)
  })

  it('a take-over and results that come at the same time: each line counts for one of the two', async () => {
    const url = await server.createDatabase()
    await using one = await openRecords(url)
    await using other = await openRecords(url)
    for (let round = 1; round <= 10; round++) {
      const id = await fill(one.records, round, 30)
      const name = `late ${round}`
      await one.records.beat(name, 100, 130)
      const lines = await one.records.takeLines(name, id, 30)
      const results = lines.map((line) => resultOf(line, name))
      const [kept] = await Promise.all([
        one.records.storeResults(name, results, 131),
        other.records.beat('lively', 131, 131 + LEASE),
      ])
      // Its row was held: then the next beat takes it over.
      await other.records.beat('lively', 132, 132 + LEASE)
      const left = await finishAll(other.records, 'lively', id)
      assert.equal(kept + left.length, 30, `round ${round}: ${kept} kept`)
      assert.ok(kept === 0 || kept === 30)
      for (const table of TABLES)
        await one.database.change(`DELETE FROM aerie_batches.${table}`, [])
    }
  })

  it('results come in portions of bytes, at least one at a time', async () => {
    await using opened = await openRecords(await server.createDatabase())
    const { records } = opened
    const id = await fill(records, 1, 9)
    await records.beat('a', 100, 200)
    const lines = await records.takeLines('a', id, 9)
    const results = lines.map((line) => ({
      ...resultOf(line, 'a'),
      ok: true,
      text: Buffer.alloc(10),
    }))
    await records.storeResults('a', results, 101)
    const sizes: number[] = []
    for (let last = 0; ; ) {
      const some = await records.results(id, true, last, 25)
      if (some.length === 0) break
      sizes.push(some.length)
      last = some.at(-1)!.line
    }
    assert.deepEqual(sizes, [3, 3, 3])
    assert.equal((await records.results(id, true, 0, 1)).length, 1)
  })
})
