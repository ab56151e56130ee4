import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Tiling, tilePictures } from '../../../models/tiling/tiling.ts'
import expected from '../../fixtures/eagle2/grid_rule/expected.json' with { type: 'json' }

describe('pictures that share a context', () => {
  it("have the tiles that Eagle 2's demo gives them, for each recorded request", () => {
    assert.equal(expected.demo_budget.length, 25)
    for (const {
      images_w_h,
      max_input_tiles,
      context_len,
      video,
      num_patches_list,
    } of expected.demo_budget) {
      const tiling: Tiling = {
        rule: 'saturated-area',
        minTiles: 1,
        maxTiles: max_input_tiles,
        thumbnail: true,
        onlyAlone: false,
        shared: { perTile: 256, context: context_len },
      }
      const seen = ([width, height]: number[], isOneTile: boolean) => ({
        size: { width: width!, height: height! },
        isOneTile,
      })
      const frames = video ? new Array(video.num_frames).fill(seen(video.frame_w_h, true)) : []
      const layouts = tilePictures(tiling, 448, [
        ...images_w_h.map((size) => seen(size, false)),
        ...frames,
      ])
      assert.deepEqual(
        layouts.map(({ tiles }) => tiles),
        num_patches_list,
      )
    }
  })

  it('keep the smallest limit where even that does not fit', () => {
    const tiling: Tiling = {
      rule: 'saturated-area',
      minTiles: 1,
      maxTiles: 4,
      thumbnail: true,
      onlyAlone: false,
      shared: { perTile: 256, context: 300 },
    }
    const picture = { size: { width: 900, height: 900 }, isOneTile: false }
    const layouts = tilePictures(tiling, 448, [picture, picture])
    assert.deepEqual(
      layouts.map(({ levels }) => levels.length),
      [1, 1],
    )
    assert.deepEqual(
      layouts.map(({ tiles }) => tiles),
      [1, 1],
    )
  })
})
