/** What of a picture the tower's input shows: a white picture is laid out by the very resize, and what came through is looked at. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ImagePreprocessing } from '../../../models/preprocessing.ts'
import { layoutOf, ONE_TILE } from '../../../models/tiling/layout.ts'
import { seenArea } from '../../../models/tiling/seen-area.ts'
import { preprocess } from '../../../src/media/preprocess.ts'

const SIZE = 60

/** Red rises from left to right, green from top to bottom; padding is blue. */
function gradient(width: number, height: number) {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      data.set([(255 * (x + 0.5)) / width, (255 * (y + 0.5)) / height, 0], (y * width + x) * 3)
  return { width, height, data, channels: 3 as const, isIndexed: false }
}

function input(mode: ImagePreprocessing['mode'], width: number, height: number) {
  const to: ImagePreprocessing = {
    ...{ mode, size: SIZE, padColor: [0, 0, 255], resample: 'bilinear' },
    ...{ mean: [0, 0, 0], std: [1, 1, 1] },
  }
  const { pixels } = preprocess(gradient(width, height), to)
  return (channel: number, x: number, y: number) =>
    pixels[(channel * SIZE + Math.floor(y * SIZE)) * SIZE + Math.floor(x * SIZE)]!
}

describe('the area that a grid covers', () => {
  for (const [width, height] of [
    [300, 200],
    [200, 300],
    [121, 120],
    [90, 90],
  ] as const) {
    for (const mode of ['pad', 'stretch', 'crop'] as const) {
      it(`${mode} of ${width}×${height} is where the tower's pixels come from`, () => {
        const area = seenArea(mode, { width, height }, ONE_TILE.levels[0]!, SIZE)
        const at = input(mode, width, height)
        for (const [u, v] of [
          [0.5, 0.5],
          [0.3, 0.6],
          [0.72, 0.41],
        ] as const) {
          const x = (area.left + u * area.width) / width
          const y = (area.top + v * area.height) / height
          const isInside = x > 0 && x < 1 && y > 0 && y < 1
          assert.ok(isInside, 'the points were chosen to lie on the picture')
          assert.ok(Math.abs(at(0, u, v) - x) < 0.03, `x ${at(0, u, v)} is not ${x}`)
          assert.ok(Math.abs(at(1, u, v) - y) < 0.03, `y ${at(1, u, v)} is not ${y}`)
        }
      })
    }
  }

  it('begins before a picture that is padded, and within one that is cropped', () => {
    const [grid] = ONE_TILE.levels
    const size = { width: 640, height: 480 }
    assert.deepEqual(seenArea('pad', size, grid!, SIZE), {
      ...{ left: 0, top: -80, width: 640, height: 640 },
    })
    assert.deepEqual(seenArea('crop', size, grid!, SIZE), {
      ...{ left: 80, top: 0, width: 480, height: 480 },
    })
  })

  it('is the whole picture for every grid of tiles', () => {
    const { levels } = layoutOf([{ rows: 2, columns: 3 }])
    const area = seenArea('stretch', { width: 800, height: 500 }, levels[0]!, SIZE)
    assert.deepEqual(area, { left: 0, top: 0, width: 800, height: 500 })
  })
})
