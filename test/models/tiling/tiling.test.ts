import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { candidateGrids } from '../../../models/tiling/candidates.ts'
import { finestLevel, type PictureSize } from '../../../models/tiling/layout.ts'
import { mostTiles, type Tiling, tilePictures } from '../../../models/tiling/tiling.ts'
import expected from '../../fixtures/tiling/rules.json' with { type: 'json' }

const eagle2 = (minTiles: number, maxTiles: number, thumbnail = true): Tiling => ({
  rule: 'saturated-area',
  minTiles,
  maxTiles,
  thumbnail,
  onlyAlone: false,
})

/** The first of so many pictures of the same size. */
const tilePicture = (tiling: Tiling, side: number, size: PictureSize, pictures: number) =>
  tilePictures(tiling, side, new Array(pictures).fill({ size, isOneTile: false }))[0]!

describe('tiling', () => {
  it('tries grids in the order of the set that the published code builds', () => {
    for (const [range, order] of Object.entries(expected.candidateOrder)) {
      const [least, most] = range.split('-').map(Number) as [number, number]
      const ours = candidateGrids(least, most).map(({ columns, rows }) => [columns, rows])
      assert.deepEqual(ours, order, range)
    }
  })

  it('chooses the very grid of Eagle 2 for each of 2 000 sizes and limits', () => {
    const file = new URL('../../fixtures/eagle2/grid_rule/rows.json.gz', import.meta.url)
    const rows = JSON.parse(gunzipSync(readFileSync(file)).toString()) as number[][]
    assert.equal(rows.length, 2000)
    for (const row of rows) {
      const [width, height, least, most, side, thumbnail, columns, gridRows] = row as number[]
      const tiling = eagle2(least!, most!, thumbnail === 1)
      const { levels, tiles } = tilePicture(tiling, side!, { width: width!, height: height! }, 3)
      assert.deepEqual(levels[0], { rows: gridRows, columns }, String(row))
      assert.equal(tiles, row[10], String(row))
    }
  })

  it("chooses NVILA's grid and puts the thumbnail last", () => {
    const { image_size: side, min_tiles, max_tiles, cases } = expected.nvilaDynamic
    const tiling: Tiling = {
      rule: 'closest-ratio',
      minTiles: min_tiles,
      maxTiles: max_tiles,
      thumbnail: true,
      onlyAlone: true,
    }
    for (const { cols_rows, tiles_with_thumbnail, ...picture } of cases) {
      const { levels, tiles } = tilePicture(tiling, side, picture, 1)
      assert.deepEqual([levels[0]!.columns, levels[0]!.rows], cols_rows)
      assert.equal(tiles, tiles_with_thumbnail)
      if (tiles > 1) assert.deepEqual(levels.at(-1), { rows: 1, columns: 1 })
      assert.equal(tilePicture(tiling, side, picture, 2).tiles, 1, 'several are one tile each')
    }
  })

  it("cuts every scale of NVILA's dynamic S2, the last one near the picture's aspect", () => {
    const { image_size: side, s2_scales: scales, max_tiles, cases } = expected.nvilaDynamicS2
    const tiling: Tiling = {
      rule: 'scales',
      scales,
      maxTiles: max_tiles,
      outputScale: scales.length - 1,
      onlyAlone: true,
    }
    for (const { block_rows_cols, tiles: theirs, ...picture } of cases) {
      const { levels, tiles } = tilePicture(tiling, side, picture, 1)
      const { rows, columns } = levels.at(-1)!
      assert.deepEqual([rows, columns], block_rows_cols)
      assert.equal(tiles, theirs)
      assert.deepEqual(
        levels.slice(0, -1),
        [1, 2].map((n) => ({ rows: n, columns: n })),
      )
    }
  })

  it('never makes more tiles than it says, whatever the picture', () => {
    const tilings = fc.constantFrom<Tiling>(eagle2(1, 12), eagle2(3, 6), {
      rule: 'scales',
      scales: [448, 896, 1344],
      maxTiles: 12,
      outputScale: 2,
      onlyAlone: true,
    })
    const sides = fc.integer({ min: 1, max: 20_000 })
    fc.assert(
      fc.property(tilings, sides, sides, (tiling, width, height) => {
        const layout = tilePicture(tiling, 448, { width, height }, 1)
        assert.ok(layout.tiles <= mostTiles(tiling, 448))
        const { rows, columns } = finestLevel(layout)
        assert.ok(rows >= 1 && columns >= 1)
      }),
    )
  })
})
