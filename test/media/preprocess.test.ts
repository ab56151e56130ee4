import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import sharp from 'sharp'
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { layoutOf } from '../../models/tiling/layout.ts'
import { preprocess } from '../../src/media/preprocess.ts'
import { type Picture, resize } from '../../src/media/resample.ts'
import expected from '../fixtures/media/eagle/processor.json' with { type: 'json' }
import { look } from './pictures.ts'

type Rgb = ImagePreprocessing['mean']

const EAGLE: ImagePreprocessing = {
  mode: 'pad',
  size: expected.size,
  padColor: expected.padColor as unknown as Rgb,
  resample: 'bicubic',
  mean: expected.mean as unknown as Rgb,
  std: expected.std as unknown as Rgb,
}

/** Values that undo to the bytes they came from. */
const BYTES = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] } as const

const eaglePicture = (name: string) =>
  readFileSync(new URL(`../fixtures/eagle/x5-vicuna-s160/inputs/${name}`, import.meta.url))

/** `[3, size, size]` → `[size, size, 3]` bytes. */
function toBytes(pixels: Float32Array): Uint8Array {
  const area = pixels.length / 3
  return Uint8Array.from(pixels, (_, i) => Math.round(pixels[(i % 3) * area + Math.floor(i / 3)]!))
}

describe('preprocessing', () => {
  for (const [name, sha256] of Object.entries(expected.sha256)) {
    it(`gives the very bytes that the published Eagle code gives for ${name}`, async () => {
      const { picture } = await look(eaglePicture(name))
      const { pixels } = preprocess(picture, { ...EAGLE, ...BYTES })
      assert.equal(createHash('sha256').update(toBytes(pixels)).digest('hex'), sha256)
    })
  }

  it('shows what it did to a picture that was preprocessed elsewhere', async () => {
    const { picture } = await look(eaglePicture('a.png'))
    const { pixels } = preprocess(picture, { ...EAGLE, ...BYTES })
    const theirs = await sharp(eaglePicture('preprocessed_a.png')).raw().toBuffer()
    assert.deepEqual(Buffer.from(toBytes(pixels)), theirs)
  })

  const checker: Picture = { data: Uint8Array.of(0, 51, 255, 255, 102, 0), width: 2, height: 1 }

  it('pads to a square with the picture in the middle, rounded down', () => {
    const { pixels, steps } = preprocess(checker, {
      ...EAGLE,
      ...BYTES,
      size: 2,
      padColor: [1, 2, 3],
    })
    // Rows: the picture, then the ground, since floor((2 − 1) / 2) = 0.
    assert.deepEqual([...toBytes(pixels)], [0, 51, 255, 255, 102, 0, 1, 2, 3, 1, 2, 3])
    assert.deepEqual(steps, ['padded 2×1 → 2×2'])
  })

  it('stretches without padding', () => {
    const { pixels, steps } = preprocess(checker, { ...EAGLE, ...BYTES, mode: 'stretch', size: 2 })
    assert.deepEqual([...toBytes(pixels)], [0, 51, 255, 255, 102, 0, 0, 51, 255, 255, 102, 0])
    assert.deepEqual(steps, ['bicubic 2×1 → 2×2'])
  })

  it('crops the middle square of a picture whose shorter side fits, rounded down', () => {
    const bytes = Uint8Array.from({ length: 2 * 5 * 3 }, (_, i) => i)
    const tall: Picture = { data: bytes, width: 2, height: 5 }
    const to = { ...EAGLE, ...BYTES, mode: 'crop', size: 2 } as const
    const cut = preprocess(tall, to)
    assert.deepEqual([...toBytes(cut.pixels)], [...bytes.subarray(6, 18)])
    assert.deepEqual(cut.steps, ['cropped 2×5 → 2×2'])
    const wide = preprocess({ data: bytes, width: 5, height: 2 }, { ...to, size: 4 })
    assert.deepEqual(wide.steps, ['bicubic 5×2 → 10×4', 'cropped 10×4 → 4×4'])
  })

  it('normalises channel by channel into planes of float32', () => {
    const mean = [0.5, 0.25, 0.1] as const
    const std = [0.5, 2, 0.3] as const
    const { pixels } = preprocess(checker, {
      ...EAGLE,
      mode: 'stretch',
      size: 2,
      mean,
      std,
    })
    const value = (byte: number, c: number) => Math.fround((byte / 255 - mean[c]!) / std[c]!)
    assert.deepEqual(
      [...pixels],
      [
        ...[0, 255, 0, 255].map((byte) => value(byte, 0)),
        ...[51, 102, 51, 102].map((byte) => value(byte, 1)),
        ...[255, 0, 255, 0].map((byte) => value(byte, 2)),
      ],
    )
  })

  it('resizes the picture once a level and cuts it row by row', async () => {
    const { picture } = await look(eaglePicture('a.png'))
    const to = { ...EAGLE, ...BYTES, mode: 'stretch', size: 8 } as const
    const layout = layoutOf([
      { rows: 2, columns: 3 },
      { rows: 1, columns: 1 },
    ])
    const { pixels, steps } = preprocess(picture, to, layout)
    const whole = resize(picture, 24, 16, { kernel: 'bicubic' })
    const tile = 3 * 8 * 8
    assert.equal(pixels.length, 7 * tile)
    for (let row = 0; row < 2; row++) {
      for (let column = 0; column < 3; column++) {
        const at = (row * 3 + column) * tile
        const ours = toBytes(pixels.slice(at, at + tile))
        const theirs = Array.from({ length: 8 }, (_, y) => {
          const start = ((row * 8 + y) * 24 + column * 8) * 3
          return [...whole.data.slice(start, start + 24)]
        })
        assert.deepEqual([...ours], theirs.flat())
      }
    }
    const thumbnail = preprocess(picture, to).pixels
    assert.deepEqual(pixels.slice(6 * tile), thumbnail)
    assert.deepEqual(
      steps.filter((step) => step.startsWith('cut')),
      ['cut into 2×3 tiles'],
    )
  })
})
