/** Pictures that are resized before they become RGB, against what Pillow and VILA-U's processor made of them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import sharp from 'sharp'
import { readHeader } from '../../src/media/header.ts'
import { resizeInOwnMode } from '../../src/media/own-mode.ts'
import type { Picture } from '../../src/media/resample.ts'
import { readSafetensors } from '../support/safetensors-file.ts'

const CASE = resolve(import.meta.dirname, '../fixtures/vila-u/understanding')
const LIMITS = {
  maxImageBytes: 1e7,
  maxImagePixels: 1e7,
  maxImageSide: 1e4,
  maxAspectRatio: 1e4,
  allowSvg: false,
}

async function resized(bytes: Uint8Array, width: number, height: number): Promise<Picture> {
  const header = await readHeader(bytes, LIMITS, 'picture')
  const options = { header, limits: LIMITS, param: 'picture', kernel: 'bicubic' } as const
  return await resizeInOwnMode(bytes, { ...options, width, height })
}

describe('resizing in a picture’s own mode', () => {
  const recorded = readSafetensors(join(CASE, 'expected.safetensors'))

  for (const name of ['landscape', 'portrait', 'tiny', 'palette', 'alpha', 'grey']) {
    it(`gives the very bytes of the published processor: ${name}`, async () => {
      const { data } = await resized(readFileSync(join(CASE, 'inputs', `${name}.png`)), 16, 16)
      const expected = recorded.get(`preprocess.${name}`)!
      const planes = Array.from(
        { length: 3 * 256 },
        (_, i) => data[(i % 256) * 3 + Math.floor(i / 256)]!,
      )
      assert.deepEqual(
        planes,
        Array.from(expected, (value) => Math.round((value * 0.5 + 0.5) * 255)),
      )
    })
  }

  it('lets no colour of a transparent pixel into its neighbours', async () => {
    const opaque = [10, 200, 30, 255]
    const pixels = Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? opaque : [255, 0, 255, 0]))
    const raw = { width: 8, height: 8, channels: 4 } as const
    const bytes = await sharp(Uint8Array.from(pixels.flat()), { raw }).png().toBuffer()
    const { data } = await resized(bytes, 4, 4)
    for (let i = 0; i < data.length; i += 3) {
      for (const [c, colour] of [10, 200, 30].entries())
        assert.ok(Math.abs(data[i + c]! - colour) <= 2, `${data.subarray(i, i + 3)}`)
    }
  })

  it('leaves a picture of the right size alone, whatever is transparent', async () => {
    const raw = { width: 2, height: 1, channels: 4 } as const
    const bytes = await sharp(Uint8Array.of(1, 2, 3, 0, 4, 5, 6, 77), { raw })
      .png()
      .toBuffer()
    assert.deepEqual([...(await resized(bytes, 2, 1)).data], [1, 2, 3, 4, 5, 6])
  })
})
