import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { layoutOf } from '../../models/tiling/layout.ts'
import type { EncoderSession } from '../../src/engine/backend.ts'
import { encodePictures } from '../../src/engine/encode-pictures.ts'

/** Towers whose only feature of a tile is its first pixel; notes how many tiles each run had. */
function towers(): EncoderSession & { readonly runs: number[] } {
  const runs: number[] = []
  return {
    runs,
    hiddenSize: 1,
    tokensPerTile: 1,
    encode: async (pixels, tiles) => {
      runs.push(tiles)
      const size = pixels.length / tiles
      return Float32Array.from({ length: tiles }, (_, tile) => pixels[tile * size]!)
    },
    dispose: async () => undefined,
  }
}

/** A picture of some tiles; each begins with its own number. */
function picture(first: number, tiles: number, side: number) {
  const tile = 3 * side * side
  const pixels = new Float32Array(tiles * tile)
  for (let i = 0; i < tiles; i++) pixels[i * tile] = first + i
  return { pixels, layout: layoutOf([{ rows: 1, columns: tiles }]) }
}

describe('tiles of several pictures', () => {
  it('share runs of maxBatch tiles, and each picture gets its own features back', async () => {
    const session = towers()
    const { features, runs } = await encodePictures(
      session,
      [picture(1, 3, 8), picture(4, 1, 8), picture(5, 6, 8)],
      4,
    )
    assert.deepEqual(session.runs, [4, 4, 2])
    assert.equal(runs, 3)
    assert.deepEqual(
      features.map((rows) => [...rows]),
      [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10]],
    )
  })

  it('run fewer at a time when they are large, so that memory does not grow with their pixels', async () => {
    const session = towers()
    const { features, runs } = await encodePictures(
      session,
      [picture(1, 2, 1024), picture(3, 1, 1024)],
      8,
    )
    assert.deepEqual(session.runs, [1, 1, 1])
    assert.equal(runs, 3)
    assert.deepEqual(
      features.map((rows) => [...rows]),
      [[1, 2], [3]],
    )
  })
})
