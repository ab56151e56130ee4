/** Frames of clips among pictures in a batch of the towers. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import type { EncoderSession } from '../../src/engine/backend.ts'
import { encodeClips } from '../../src/engine/encode-clips.ts'

/** Four features of a tile, by rows: its pixel, and 10, 20, 30 more. */
const towers: EncoderSession = {
  hiddenSize: 1,
  tokensPerTile: 4,
  async encode(pixels, tiles) {
    assert.equal(pixels.length, tiles)
    return Float32Array.from(
      { length: tiles * 4 },
      (_, i) => pixels[Math.floor(i / 4)]! + 10 * (i % 4),
    )
  },
  async dispose() {},
}

describe('a group of frames', () => {
  it('is pooled behind the towers, run after run, and leaves pictures beside it alone', async () => {
    const pooling = {
      side: 2,
      sizes: [
        [2, 1, 1],
        [4, 2, 2],
      ] as const,
    }
    const { features, runs } = await encodeClips(
      towers,
      [
        { pixels: Float32Array.of(100), layout: ONE_TILE },
        { pixels: Float32Array.of(0, 2, 4, 6), layout: ONE_TILE, pooled: { frames: 4, pooling } },
        { pixels: Float32Array.of(200), layout: ONE_TILE },
      ],
      4,
    )
    assert.equal(runs, 2)
    assert.deepEqual([...features[0]!], [100, 110, 120, 130])
    // Means of frames 0 and 1, and of 2 and 3; then of all frames and rows.
    assert.deepEqual([...features[1]!], [1, 11, 21, 31, 5, 15, 25, 35, 18])
    assert.deepEqual([...features[2]!], [200, 210, 220, 230])
    assert.ok(features.every(({ buffer }) => buffer instanceof SharedArrayBuffer))
  })
})
