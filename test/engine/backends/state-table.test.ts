import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { StateTable } from '../../../src/engine/backends/state-table.ts'

const EVERY = 4

/** Moves a sequence on to `position`, as a run that succeeds does. */
function advance(table: StateTable, id: number, position: number): number {
  const [slots] = table.reserve([id])
  table.advance(id, slots!, position)
  return slots!.to
}

describe('the table of recurrent states', () => {
  it('reads one slot and writes another, and keeps one a sequence', () => {
    const table = new StateTable({ slots: 3, snapshotEvery: 0 })
    const first = advance(table, 1, 3)
    const [slots] = table.reserve([1])
    assert.equal(slots!.from, first)
    assert.notEqual(slots!.to, first)
    assert.equal(table.used, 2)
    table.advance(1, slots!, 5)
    assert.equal(table.used, 1)
  })

  it('shares a state between forks', () => {
    const table = new StateTable({ slots: 8, snapshotEvery: 0 })
    const slot = advance(table, 1, 3)
    table.fork(2, 1, 3)
    assert.equal(table.used, 1)
    assert.deepEqual(
      table.reserve([1, 2]).map(({ from }) => from),
      [slot, slot],
    )
  })

  it('gives back what a failed run was to write', () => {
    const table = new StateTable({ slots: 2, snapshotEvery: 0 })
    const before = advance(table, 1, 3)
    const [slots] = table.reserve([1])
    table.cancel(slots!)
    assert.equal(table.used, 1)
    assert.equal(table.reserve([1])[0]!.from, before)
  })

  it('keeps states at multiples, and none between', () => {
    const table = new StateTable({ slots: 9, snapshotEvery: EVERY })
    for (const position of [3, 4, 6, 8, 9]) advance(table, 1, position)
    assert.deepEqual(
      [2, 3, 4, 7, 8, 9, 20].map((length) => table.forkable(1, length)),
      [0, 0, 4, 4, 8, 9, 9],
    )
    assert.throws(() => table.fork(2, 1, 6), { code: 'backend_failure' })
    table.fork(2, 1, 4)
    assert.equal(table.forkable(2, 20), 4)
  })

  it('goes back only to where a state is', () => {
    const table = new StateTable({ slots: 9, snapshotEvery: EVERY })
    for (const position of [4, 6]) advance(table, 1, position)
    assert.throws(() => table.truncate(1, 5), { code: 'backend_failure' })
    table.truncate(1, 4)
    assert.equal(table.forkable(1, 20), 4)
    assert.equal(table.used, 1)
  })

  it('gives kept states up before it refuses, and changes nothing when it does', () => {
    const table = new StateTable({ slots: 3, snapshotEvery: EVERY })
    for (const position of [4, 5]) advance(table, 1, position)
    table.reserve([2, 3])
    assert.equal(table.forkable(1, 4), 0)
    assert.throws(() => table.reserve([4]), { name: 'KvCacheFull', needed: 1, free: 0 })
    assert.equal(table.forkable(1, 5), 5)
  })

  it('loses no slot in 2 000 random histories', () => {
    const action = fc.record({
      kind: fc.constantFrom('advance', 'advance', 'advance', 'fail', 'fork', 'truncate', 'free'),
      id: fc.integer({ min: 0, max: 4 }),
      other: fc.integer({ min: 0, max: 4 }),
      by: fc.integer({ min: 1, max: 5 }),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const table = new StateTable({ slots: 12, snapshotEvery: EVERY })
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
          } else if (kind === 'truncate') {
            const shorter = table.forkable(id, length - 1)
            if (shorter === 0) continue
            table.truncate(id, shorter)
            lengths.set(id, shorter)
          } else if (kind === 'fail') {
            for (const slots of table.reserve([id])) table.cancel(slots)
          } else if (kind === 'advance') {
            advance(table, id, length + by)
            lengths.set(id, length + by)
            // Where a sequence stands can always be forked.
            assert.equal(table.forkable(id, length + by), length + by)
          }
        }
        table.clear()
        assert.equal(table.used, 0)
      }),
      { numRuns: 2000 },
    )
  })
})
