/** Dynamic S²'s merging by hand; that whole models come out right is in the parity cases. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { layoutOf, ONE_TILE, type TileGrid } from '../../../models/tiling/layout.ts'
import {
  blockCount,
  blockSize,
  mergeBlock,
  placeBlock,
  type ScaleMerge,
} from '../../../models/tiling/merge-scales.ts'

const square = (side: number): TileGrid => ({ rows: side, columns: side })

describe('merging the scales of a picture', () => {
  it('shows a picture of one tile the same at every scale', () => {
    const merge: ScaleMerge = { grid: 2, channels: 1, scales: 3, outputScale: 2 }
    const into = new Float32Array(blockSize(merge))
    mergeBlock(Float32Array.of(1, 2, 3, 4), ONE_TILE, merge, 0, into)
    assert.equal(blockCount(ONE_TILE, merge), 1)
    assert.deepEqual([...into], [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4])
  })

  it('spreads a coarse scale over the fine one', () => {
    const merge: ScaleMerge = { grid: 2, channels: 1, scales: 2, outputScale: 1 }
    const layout = layoutOf([square(1), { rows: 1, columns: 2 }])
    // One tile 1 2 / 3 4; then two beside each other, whose maps are 10 … and 20 ….
    const maps = Float32Array.of(1, 2, 3, 4, 10, 11, 12, 13, 20, 21, 22, 23)
    const blocks = [0, 1].map((block) => {
      const into = new Float32Array(blockSize(merge))
      mergeBlock(maps, layout, merge, block, into)
      return [...into]
    })
    assert.deepEqual(blocks, [
      [1, 10, 1, 11, 3, 12, 3, 13],
      [2, 20, 2, 21, 4, 22, 4, 23],
    ])
  })

  it('averages a fine scale into a coarse one', () => {
    const merge: ScaleMerge = { grid: 1, channels: 2, scales: 2, outputScale: 0 }
    const layout = layoutOf([square(1), square(2)])
    const maps = Float32Array.of(5, 6, 1, 10, 2, 20, 3, 30, 6, 60)
    const into = new Float32Array(blockSize(merge))
    assert.equal(blockCount(layout, merge), 1)
    mergeBlock(maps, layout, merge, 0, into)
    assert.deepEqual([...into], [5, 6, 3, 30])
  })

  it("covers what PyTorch's area mode covers where sizes do not divide", () => {
    // Three columns to two: the middle one counts on both sides.
    const merge: ScaleMerge = { grid: 1, channels: 1, scales: 2, outputScale: 0 }
    const layout = layoutOf([
      { rows: 1, columns: 2 },
      { rows: 1, columns: 3 },
    ])
    const maps = Float32Array.of(0, 0, 1, 5, 9)
    const fine = [0, 1].map((block) => {
      const into = new Float32Array(2)
      mergeBlock(maps, layout, merge, block, into)
      return into[1]
    })
    assert.deepEqual(fine, [3, 7])
  })

  it('keeps a constant, whatever the scales', () => {
    const grids = fc.record({
      rows: fc.integer({ min: 1, max: 5 }),
      columns: fc.integer({ min: 1, max: 5 }),
    })
    fc.assert(
      fc.property(fc.array(grids, { minLength: 2, maxLength: 3 }), fc.nat(), (levels, pick) => {
        const layout = layoutOf(levels)
        const outputScale = pick % levels.length
        const merge: ScaleMerge = { grid: 3, channels: 2, scales: levels.length, outputScale }
        const maps = new Float32Array(layout.tiles * 9 * 2).fill(0.5)
        for (let block = 0; block < blockCount(layout, merge); block++) {
          const into = new Float32Array(blockSize(merge))
          mergeBlock(maps, layout, merge, block, into)
          assert.ok(into.every((value) => value === 0.5))
        }
      }),
      { numRuns: 50 },
    )
  })

  it('glues the projected blocks row by row over the whole picture', () => {
    const merge: ScaleMerge = { grid: 2, channels: 1, scales: 2, outputScale: 1 }
    const layout = layoutOf([square(1), { rows: 1, columns: 2 }])
    const into = new Float32Array(8)
    placeBlock(Float32Array.of(1, 2, 3, 4), layout, merge, 0, 1, into)
    placeBlock(Float32Array.of(5, 6, 7, 8), layout, merge, 1, 1, into)
    assert.deepEqual([...into], [1, 2, 5, 6, 3, 4, 7, 8])
  })
})
