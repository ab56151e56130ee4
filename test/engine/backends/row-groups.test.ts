import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { PreparedRow } from '../../../src/engine/backends/cached-decoder.ts'
import { groupRows, pastCapacity } from '../../../src/engine/backends/row-groups.ts'

const row = (past: number, positions: number): PreparedRow => ({
  cache: { blocks: [], length: past },
  positions,
  embeddings: new Float32Array(),
  want: 'none',
  wanted: 0,
})

describe('grouping the rows of a step into runs', () => {
  it('gives a past room that depends on its own length alone', () => {
    const capacities = [0, 1, 256, 257, 512, 513, 1500].map(pastCapacity)
    assert.deepEqual(capacities, [16, 256, 256, 512, 512, 1024, 2048])
  })

  it('decodes rows of like length in one run and keeps reading apart', () => {
    const rows = [row(100, 1), row(0, 130), row(200, 1), row(140, 1), row(300, 1)]
    const groups = groupRows(rows).map(({ rows: members, steps, capacity }) => [
      members.length,
      steps,
      capacity,
    ])
    assert.deepEqual(groups, [
      [3, 1, 256],
      [1, 130, 16],
      [1, 1, 512],
    ])
  })

  it('puts every row in one run, none past its room, and pads by a quarter at most', () => {
    const anyRow = fc
      .tuple(fc.nat(600), fc.integer({ min: 1, max: 300 }))
      .map(([past, positions]) => row(past, positions))
    fc.assert(
      fc.property(fc.array(anyRow, { minLength: 1, maxLength: 20 }), (rows) => {
        const groups = groupRows(rows)
        assert.deepEqual(new Set(groups.flatMap((group) => group.rows)), new Set(rows))
        assert.equal(
          groups.reduce((count, group) => count + group.rows.length, 0),
          rows.length,
        )
        for (const group of groups) {
          const positions = group.rows.reduce((sum, { positions }) => sum + positions, 0)
          assert.ok(
            group.rows.every(
              ({ cache, positions }) => cache.length <= group.capacity && positions <= group.steps,
            ),
          )
          assert.ok(group.rows.length * group.steps <= 1.25 * positions)
        }
      }),
    )
  })
})
