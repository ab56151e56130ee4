import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KvCache } from '../../../src/engine/backends/kv-cache.ts'
import type { KvSequence } from '../../../src/engine/backends/kv-table.ts'
import { PastWindow } from '../../../src/engine/backends/past-window.ts'

const GEOMETRY = { layers: 2, kvHeads: 2, headDim: 2 }
const PLANES = 8
const WIDTH = PLANES * GEOMETRY.headDim
const CAPACITY = 12

const newCache = () => new KvCache({ geometry: GEOMETRY, blockSize: 4, bytes: 1 << 16 })
const positionOf = (seed: number) => Float32Array.from({ length: WIDTH }, (_, i) => seed * 100 + i)
const append = (cache: KvCache, id: number, seed: number): KvSequence => {
  const [sequence] = cache.reserve([{ sequence: id, positions: 1 }])
  cache.write(sequence!, sequence!.length, 1, positionOf(seed), 0)
  sequence!.length++
  return sequence!
}

describe('the window of the past', () => {
  it('holds each sequence whole, whoever comes and goes', () => {
    // What a run of the placed rows brings is appended; when another run of that step fails, it does not count.
    const step = fc.record({
      ids: fc.uniqueArray(fc.nat(5), { minLength: 1 }),
      drop: fc.option(fc.nat(5)),
      run: fc.constantFrom('counts', 'fails', 'elsewhere'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const cache = newCache()
        const window = new PastWindow(cache, GEOMETRY, CAPACITY)
        const sequences = new Map<number, KvSequence>()
        for (const [seed, { ids, drop, run }] of steps.entries()) {
          if (drop !== null) {
            cache.free(drop)
            sequences.delete(drop)
          }
          for (const id of ids) if (!sequences.has(id)) sequences.set(id, append(cache, id, seed))
          const placed = ids.map((id) => sequences.get(id)!)
          const rows = window.place(placed)
          assert.deepEqual(
            rows.toSorted((a, b) => a - b),
            [...placed.keys()],
          )
          for (const [i, sequence] of placed.entries()) {
            assertHolds(cache, window, rows[i]!, sequence, placed.length)
            if (sequence.length === CAPACITY) continue
            if (run !== 'elsewhere') window.append(rows[i]!, 1, positionOf(seed), 0)
            if (run !== 'fails') append(cache, ids[i]!, seed)
          }
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

it('what a run brought is there without the cache', () => {
  const cache = newCache()
  const window = new PastWindow(cache, GEOMETRY, CAPACITY)
  const sequence = append(cache, 1, 1)
  const [row] = window.place([sequence])
  const two = Float32Array.of(...positionOf(2), ...positionOf(3))
  window.append(row!, 2, two, 0)
  assert.deepEqual(
    [...window.tensor(0, 'value', 1).data.subarray(0, 6)],
    [104, 105, 204, 205, 304, 305],
  )
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
