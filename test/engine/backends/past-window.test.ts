import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KvCache, type KvSequence } from '../../../src/engine/backends/kv-cache.ts'
import { PastWindow } from '../../../src/engine/backends/past-window.ts'

const GEOMETRY = { layers: 2, kvHeads: 2, headDim: 2 }
const PLANES = 8
const WIDTH = PLANES * GEOMETRY.headDim
const CAPACITY = 12

const newCache = () => new KvCache({ geometry: GEOMETRY, blockSize: 4, bytes: 1 << 16 })
const append = (cache: KvCache, id: number, seed: number): KvSequence => {
  const [sequence] = cache.reserve([{ sequence: id, positions: 1 }])
  const position = Float32Array.from({ length: WIDTH }, (_, i) => seed * 100 + i)
  cache.write(sequence!, sequence!.length, position, 0)
  sequence!.length++
  return sequence!
}

describe('the window of the past', () => {
  it('holds each sequence whole, whoever comes and goes', () => {
    const step = fc.record({
      grow: fc.uniqueArray(fc.nat(5), { minLength: 1 }),
      drop: fc.option(fc.nat(5)),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const cache = newCache()
        const window = new PastWindow(cache, GEOMETRY, CAPACITY)
        let seed = 0
        for (const { grow, drop } of steps) {
          if (drop !== null) cache.free(drop)
          const ids = grow.filter((id) => cache.length(id) < CAPACITY)
          const sequences = ids.map((id) => append(cache, id, seed++))
          const rows = window.place(sequences)
          assert.deepEqual(
            rows.toSorted((a, b) => a - b),
            [...sequences.keys()],
          )
          for (const [i, sequence] of sequences.entries())
            assertHolds(cache, window, rows[i]!, sequence, sequences.length)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('keeps a sequence in its row while others leave behind it', () => {
    const cache = newCache()
    const window = new PastWindow(cache, GEOMETRY, CAPACITY)
    const [a, b, c] = [1, 2, 3].map((id) => append(cache, id, id)) as [
      KvSequence,
      KvSequence,
      KvSequence,
    ]
    const [rowA, rowB] = window.place([a, b, c])
    assert.deepEqual(window.place([b, a, c]).slice(0, 2), [rowB, rowA])
  })

  it('copies only what is new of a sequence that stayed', () => {
    const cache = newCache()
    const window = new PastWindow(cache, GEOMETRY, CAPACITY)
    const sequence = append(cache, 1, 1)
    window.place([sequence])
    window.tensor(0, 'key', 1).data[0] = -1
    append(cache, 1, 2)
    window.place([sequence])
    const { data } = window.tensor(0, 'key', 1)
    assert.deepEqual([...data.subarray(0, 4)], [-1, 101, 200, 201])
  })
})

function assertHolds(
  cache: KvCache,
  window: PastWindow,
  row: number,
  sequence: KvSequence,
  rows: number,
): void {
  const { kvHeads, headDim } = GEOMETRY
  for (let plane = 0; plane < PLANES; plane++) {
    const part = Math.floor(plane / kvHeads)
    const { data, dims } = window.tensor(
      Math.floor(part / 2),
      part % 2 === 0 ? 'key' : 'value',
      rows,
    )
    assert.deepEqual(dims, [rows, kvHeads, 1, CAPACITY, headDim])
    const expected = new Float32Array(sequence.length * headDim)
    cache.read(sequence, plane, 0, sequence.length, expected, 0)
    const at = (row * kvHeads + (plane % kvHeads)) * CAPACITY * headDim
    assert.deepEqual(data.slice(at, at + expected.length), expected)
  }
}
