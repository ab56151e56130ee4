/** The order in which lines are taken, and what a server that comes too late can still do. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SqliteBatchRecords } from '../../src/batches/sqlite-records.ts'
import { isGone, newServerName } from '../../src/records/server-name.ts'
import { newBatch, newLine, resultOf } from '../support/batch-model.ts'

/** A batch in progress, whose lines name these media, and models at these places. */
function opened(
  media: readonly (string | undefined)[],
  isDead?: (server: string) => boolean,
  modelPlaces: readonly number[] = [],
) {
  const records = new SqliteBatchRecords(':memory:', isDead)
  const { id, ...batch } = newBatch(1, 0)
  records.insert({ id, ...batch }, { maxBatches: 1 })
  records.beat('a', 0, 30)
  records.takeTask('a', 0)
  const lines = media.map((name, i) => newLine(i + 1, name, modelPlaces[i]))
  const progress = { bytes: 0, lines: lines.length, faults: [] }
  assert.deepEqual(records.addLines('a', id, lines, progress, 100), [])
  records.endReading('a', id, { faults: [], model: 'm' }, 0)
  return { records, id }
}

describe('lines', () => {
  it('of one model are taken one behind the other, whatever media they name', () => {
    const places = [1, 0, 1, 1, 0]
    const { records, id } = opened(['x', 'x', 'y', 'x', undefined], undefined, places)
    assert.deepEqual(
      records.takeLines('a', id, 9).map(({ line }) => line),
      [2, 5, 1, 4, 3],
    )
  })

  it('that name the same media are taken one behind the other, the others in their order', () => {
    const { records, id } = opened(['red', undefined, 'blue', 'red', undefined, 'blue', 'red'])
    const taken = records.takeLines('a', id, 10).map(({ line }) => line)
    assert.deepEqual(taken, [1, 4, 7, 2, 3, 6, 5])
  })

  it('are taken by nobody who does not say that it lives', () => {
    const { records, id } = opened([undefined])
    assert.deepEqual(records.takeLines('stranger', id, 1), [])
  })

  it('of a silent server go to another with a crash counted, and its results are refused from then on', () => {
    const { records, id } = opened([undefined, undefined])
    const [line] = records.takeLines('a', id, 1)
    records.beat('b', 40, 70)
    const taken = records.takeLines('b', id, 5)
    assert.deepEqual(
      taken.map(({ line, crashes }) => [line, crashes]),
      [
        [1, 1],
        [2, 0],
      ],
    )
    assert.equal(records.storeResults('a', [resultOf(line!, 'a')], 40), 0)
    assert.equal(records.storeResults('b', [resultOf(line!, 'b')], 40), 1)
    assert.match(Buffer.from(records.results(id, true, 0, 1)[0]!.text).toString(), /by b/)
  })

  it('that servers died with are taken one at a time, so that a crash counts for the one that ran', () => {
    const { records, id } = opened([undefined, undefined, undefined, undefined])
    records.takeLines('a', id, 3)
    records.beat('b', 40, 70)
    const taken = () => records.takeLines('b', id, 5).map(({ line, crashes }) => [line, crashes])
    const [first, fresh] = [
      [1, 1],
      [4, 0],
    ]
    assert.deepEqual(taken(), [first, fresh])
    assert.deepEqual(taken(), [], 'two and three wait for the first')
    records.storeResults('b', [resultOf({ batchId: id, line: 1 }, 'b')], 41)
    assert.deepEqual(taken(), [[2, 1]])
    records.beat('c', 80, 110)
    const crashes = []
    for (;;) {
      const [line] = records.takeLines('c', id, 1)
      if (!line) break
      crashes.push([line.line, line.crashes])
      records.storeResults('c', [resultOf(line, 'c')], 81)
    }
    assert.deepEqual(crashes, [
      [2, 2],
      [3, 1],
      [4, 1],
    ])
  })

  it('of a server whose process is gone are free at once', () => {
    const { records, id } = opened([undefined], (server) => server === 'a')
    records.takeLines('a', id, 1)
    records.beat('b', 1, 30)
    assert.equal(records.takeLines('b', id, 1).length, 1)
  })
})

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** Microseconds of this thread; which part of it was the system's is a guess. */
function processorTime(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

describe('an input that is read', () => {
  const naming = {
    'no media': () => undefined,
    'the same medium': () => 'red',
    'media of their own': (line: number) => `${line}`,
  }
  for (const [what, media] of Object.entries(naming)) {
    it(`costs no more behind many lines than behind few: ${what}`, () => {
      const records = new SqliteBatchRecords(':memory:')
      const { id, ...batch } = newBatch(1, 0)
      records.insert({ id, ...batch }, { maxBatches: 1 })
      records.beat('a', 0, 30)
      records.takeTask('a', 0)
      const portions: number[] = []
      for (let portion = 0; portion < 40; portion++) {
        const first = portion * 500 + 1
        const lines = Array.from({ length: 500 }, (_, i) => newLine(first + i, media(first + i)))
        const start = processorTime()
        records.addLines('a', id, lines, { bytes: first, lines: first, faults: [] }, 1e6)
        portions.push(processorTime() - start)
      }
      // Processor time of eight together, as some systems count it in ticks: what else the machine does is no matter. Left to itself,
      // SQLite took five to seven times as much behind 4000 as behind 400.
      const [few, many] = [sum(portions.slice(2, 10)), sum(portions.slice(-8))]
      assert.ok(many < 3 * few, `${many} µs behind 16 000 lines, ${few} µs behind 1000`)
    })
  }
})

describe('the name of a server', () => {
  it('tells whether its process is gone, and of one elsewhere nothing', () => {
    const name = newServerName()
    assert.equal(isGone(name), false)
    const [scope, pid, , rest] = name.split('-')
    assert.equal(isGone([scope, pid, '1', rest].join('-')), process.platform === 'linux')
    assert.equal(isGone([scope, '4194305', '1', rest].join('-')), true)
    assert.equal(isGone(['elsewhere', '4194305', '1', rest].join('-')), false)
  })
})
