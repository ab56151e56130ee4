import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { StateTable } from '../../../src/engine/backends/state-table.ts'

const EVERY = 4
/** No state but the last. */
const NEVER = 1000

/** Moves a sequence on to `position`, as a run that succeeds does. */
function advance(table: StateTable, id: number, position: number): number {
  const [slots] = table.reserve([id])
  table.advance(id, slots!, position)
  return slots!.to
}

describe('the table of recurrent states', () => {
  it('reads one slot and writes another, and keeps one a sequence', () => {
    const table = new StateTable({ slots: 3, keptEvery: NEVER })
    const first = advance(table, 1, 3)
    const [slots] = table.reserve([1])
    assert.equal(slots!.from, first)
    assert.notEqual(slots!.to, first)
    assert.equal(table.slotsUsed, 2)
    table.advance(1, slots!, 5)
    assert.equal(table.slotsUsed, 1)
  })

  it('shares a state between forks', () => {
    const table = new StateTable({ slots: 8, keptEvery: NEVER })
    const slot = advance(table, 1, 3)
    table.fork(2, 1, 3)
    assert.equal(table.slotsUsed, 1)
    assert.deepEqual(
      table.reserve([1, 2]).map(({ from }) => from),
      [slot, slot],
    )
  })

  it('gives back what a failed run was to write', () => {
    const table = new StateTable({ slots: 2, keptEvery: NEVER })
    const before = advance(table, 1, 3)
    const [slots] = table.reserve([1])
    table.cancel(slots!)
    assert.equal(table.slotsUsed, 1)
    assert.equal(table.reserve([1])[0]!.from, before)
  })

  it('keeps states at multiples, and none between', () => {
    const table = new StateTable({ slots: 9, keptEvery: EVERY })
    for (const position of [3, 4, 6, 8, 9]) advance(table, 1, position)
    assert.deepEqual(
      [2, 3, 4, 7, 8, 9, 20].map((length) => table.forkable(1, length)),
      [0, 0, 4, 4, 8, 9, 9],
    )
    assert.throws(() => table.fork(2, 1, 6), { code: 'backend_failure' })
    table.fork(2, 1, 4)
    assert.equal(table.forkable(2, 20), 4)
  })

  it('counts a slot that several sequences hold once', () => {
    const table = new StateTable({ slots: 9, keptEvery: EVERY })
    for (const position of [4, 6]) advance(table, 1, position)
    table.fork(2, 1, 4)
    advance(table, 2, 5)
    advance(table, 3, 2)
    assert.deepEqual([table.slotsOf([1]), table.slotsOf([2]), table.slotsOf([1, 2])], [2, 2, 3])
    assert.deepEqual([table.slotsUsed, table.slotsTotal, table.slotsOf([9])], [4, 9, 0])
  })

  it('keeps eight states of a long sequence, spread evenly, and the last', () => {
    const table = new StateTable({ slots: 64, keptEvery: EVERY })
    const kept = () =>
      [...Array(80).keys()].map((i) => i + 1).filter((p) => table.forkable(1, p) === p)
    for (let position = 4; position <= 32; position += 4) advance(table, 1, position)
    advance(table, 1, 33)
    assert.deepEqual(kept(), [4, 8, 12, 16, 20, 24, 28, 32, 33])
    for (let position = 36; position <= 80; position += 4) advance(table, 1, position)
    assert.equal(table.slotsUsed, 9)
    const places = [0, ...kept()]
    const gaps = places.slice(1).map((place, i) => place - places[i]!)
    assert.equal(places.at(-1), 80)
    // Twice what eight equal ones would have.
    assert.ok(Math.max(...gaps) <= 2 * (80 / 8), `${places}`)
  })

  it('gives kept states up before it refuses, and changes nothing when it does', () => {
    const table = new StateTable({ slots: 3, keptEvery: EVERY })
    for (const position of [4, 5]) advance(table, 1, position)
    table.reserve([2, 3])
    assert.equal(table.forkable(1, 4), 0)
    assert.throws(() => table.reserve([4]), { name: 'KvCacheFull', needed: 1, free: 0 })
    assert.equal(table.forkable(1, 5), 5)
  })

  it('loses no slot in 2 000 random histories', () => {
    const action = fc.record({
      kind: fc.constantFrom('advance', 'advance', 'advance', 'fail', 'fork', 'free'),
      id: fc.integer({ min: 0, max: 4 }),
      other: fc.integer({ min: 0, max: 4 }),
      by: fc.integer({ min: 1, max: 5 }),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const table = new StateTable({ slots: 12, keptEvery: EVERY })
        const lengths = new Map<number, number>()
        for (const { kind, id, other, by } of actions) {
          const length = lengths.get(id) ?? 0
          if (kind === 'free') {
            table.free(id)
            lengths.delete(id)
          } else if (kind === 'fork' && !lengths.has(other)) {
            const shared = table.forkable(id, length - 1)
            table.fork(other, id, shared)
            lengths.set(other, shared)
          } else if (kind === 'fail') {
            for (const slots of table.reserve([id])) table.cancel(slots)
          } else if (kind === 'advance') {
            advance(table, id, length + by)
            lengths.set(id, length + by)
            // Where a sequence stands can always be forked.
            assert.equal(table.forkable(id, length + by), length + by)
          }
        }
        assert.equal(table.slotsUsed, table.slotsOf(lengths.keys()))
        table.clear()
        assert.equal(table.slotsUsed, 0)
      }),
      { numRuns: 2000 },
    )
  })
})
