/** Pictures as Eagle 2's two generations prepare them: torchvision's integers, and what Pillow makes of modes that are not RGB. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import sharp from 'sharp'
import { loadModelConfig } from '../../models/load-config.ts'
import {
  type AlphaTreatment,
  type ImagePreprocessing,
  layoutPictures,
} from '../../models/preprocessing.ts'
import { decode } from '../../src/media/decode.ts'
import { readHeader } from '../../src/media/header.ts'
import { type ModePicture, onWhite, resizeInMode } from '../../src/media/modes.ts'
import { preprocess } from '../../src/media/preprocess.ts'
import { type Picture, resize } from '../../src/media/resample.ts'
import { PLAIN } from '../../src/media/resample-plain.ts'
import { SIMD } from '../../src/media/resample-simd.ts'
import { FIXTURES, wholeCase } from '../support/recorded-cases.ts'
import { readSafetensors } from '../support/safetensors-file.ts'
import { LIMITS } from './pictures.ts'

const CASES = join(FIXTURES, 'eagle2')
/** Pictures of `eagle2-siglip`, and the part of its tensors that is theirs. */
const MODES = join(FIXTURES, 'media/eagle2.5')

async function see(bytes: Uint8Array, alpha?: AlphaTreatment): Promise<ModePicture> {
  const header = await readHeader(bytes, LIMITS, 'image')
  return (await decode(bytes, header, LIMITS, 'image', alpha)).picture
}

/** From −1 … 1 back to the bytes, which shows a difference of one grey level. */
const toBytes = (pixels: ArrayLike<number>) =>
  Uint8Array.from(pixels, (value) => Math.round(value * 127.5 + 127.5))

async function tiles(to: ImagePreprocessing, file: string): Promise<Float32Array> {
  const picture = await see(readFileSync(file), to.alpha)
  const [layout] = layoutPictures(to, [{ size: picture, detail: 'auto' }])
  return preprocess(picture, to, layout).pixels
}

/** The arithmetic as it is written down in words, one pixel at a time. */
function torchvision(picture: Picture, toWidth: number, toHeight: number): Uint8Array {
  const cubic = (x: number) => {
    const d = Math.abs(x)
    if (d < 1) return (1.5 * d - 2.5) * d * d + 1
    return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0
  }
  const weightsOf = (from: number, to: number) => {
    const scale = from / to
    const stretch = Math.max(scale, 1)
    const rows = Array.from({ length: to }, (_, i) => {
      const centre = (i + 0.5) * scale
      const low = Math.max(0, Math.trunc(centre - 2 * stretch + 0.5))
      const high = Math.min(from, Math.trunc(centre + 2 * stretch + 0.5))
      const raw = Array.from({ length: high - low }, (_, t) =>
        cubic((t + low - centre + 0.5) / stretch),
      )
      const sum = raw.reduce((all, weight) => all + weight, 0)
      return { low, weights: raw.map((weight) => weight / sum) }
    })
    const largest = Math.max(...rows.flatMap(({ weights }) => weights))
    let bits = 22
    while (Math.trunc(0.5 + largest * 2 ** bits) >= 2 ** 15) bits--
    const integer = (weight: number) => Math.trunc(weight * 2 ** bits + (weight < 0 ? -0.5 : 0.5))
    return { bits, rows: rows.map(({ low, weights }) => ({ low, weights: weights.map(integer) })) }
  }
  const pass = (
    at: (place: number, line: number, channel: number) => number,
    lines: number,
    from: number,
    to: number,
  ) => {
    const out = new Uint8Array(to * lines * 3)
    const { bits, rows } = weightsOf(from, to)
    for (let line = 0; line < lines; line++) {
      for (const [i, { low, weights }] of rows.entries()) {
        for (let c = 0; c < 3; c++) {
          const sum = weights.reduce((all, weight, t) => all + weight * at(low + t, line, c), 0)
          const value = Math.floor((sum + 2 ** (bits - 1)) / 2 ** bits)
          out[(line * to + i) * 3 + c] = Math.min(255, Math.max(0, value))
        }
      }
    }
    return out
  }
  const { data, width, height } = picture
  const wide =
    width === toWidth
      ? data
      : pass((x, y, c) => data[(y * width + x) * 3 + c]!, height, width, toWidth)
  if (height === toHeight) return wide
  const columns = pass((y, x, c) => wide[(y * toWidth + x) * 3 + c]!, toWidth, height, toHeight)
  return Uint8Array.from({ length: toWidth * toHeight * 3 }, (_, i) => {
    const [pixel, c] = [Math.floor(i / 3), i % 3]
    return columns[((pixel % toWidth) * toHeight + Math.floor(pixel / toWidth)) * 3 + c]!
  })
}

describe("torchvision's resizing of uint8 tensors", () => {
  const { folder, skip } = wholeCase('eagle2/eagle2-siglip')
  it('gives the very bytes that the published processor gave, of every tile', {
    skip,
  }, async () => {
    const { preprocessing } = await loadModelConfig(join(folder, 'checkpoint'))
    const recorded = readSafetensors(join(folder, 'expected.safetensors'))
    const landscape = await tiles(preprocessing!, join(folder, 'inputs/landscape.png'))
    assert.deepEqual(toBytes(landscape), toBytes(recorded.get('single_image.pixel_values')!))
    assert.equal(landscape.length, 11 * 3 * 24 * 24)
  })

  it('is what its description says, in both forms, for any sizes', () => {
    const side = fc.integer({ min: 1, max: 60 })
    fc.assert(
      fc.property(
        side,
        side,
        side,
        side,
        fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
        (width, height, toWidth, toHeight, bytes) => {
          const data = Uint8Array.from([...bytes.take(width * height * 3)])
          const picture = { data, width, height }
          const expected = torchvision(picture, toWidth, toHeight)
          for (const by of [PLAIN, ...(SIMD ? [SIMD] : [])]) {
            const options = { kernel: 'bicubic', arithmetic: 'torchvision', by } as const
            assert.deepEqual(resize(picture, toWidth, toHeight, options).data, expected)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it("differs from Pillow's in few bytes, and by little", () => {
    const data = Uint8Array.from(
      { length: 90 * 70 * 3 },
      (_, i) => (i * 7919 + (i >> 3) * 104_729) & 255,
    )
    const picture = { data, width: 90, height: 70 }
    const [theirs, pillows] = (['torchvision', 'pillow'] as const).map((arithmetic) =>
      resize(picture, 50, 61, { kernel: 'bicubic', arithmetic }),
    )
    const apart = theirs!.data.map((byte, i) => Math.abs(byte - pillows!.data[i]!))
    const others = apart.filter((difference) => difference > 0).length
    assert.ok(others > 0 && others < apart.length / 20, String(others))
    assert.ok(Math.max(...apart) <= 2)
  })
})

describe('pictures that are not RGB', () => {
  it("become what the newer generation's processor made of them: RGBA on white, others without alpha", async () => {
    const checkpoint = join(CASES, 'eagle2.5-variant-select-layer/checkpoint')
    const { preprocessing } = await loadModelConfig(checkpoint)
    const { tiling: _, ...to } = preprocessing!
    const files = ['rgba.png', 'gray_alpha.png', 'palette.png'].map((file) => join(MODES, file))
    const ours = await Promise.all(files.map((file) => tiles(to, file)))
    const theirs = readSafetensors(join(MODES, 'pixels.safetensors')).get('pre_modes.pixel_values')!
    assert.deepEqual(toBytes(ours.flatMap((pixels) => [...pixels])), toBytes(theirs))
  })

  it('are resized as Pillow keeps them in the older one: multiplied by alpha, palettes to the nearest pixel', async () => {
    const folder = join(CASES, 'eagle2-moe')
    const { preprocessing } = await loadModelConfig(join(folder, 'checkpoint'))
    const { tiling: _, ...to } = preprocessing!
    const files = ['rgba.png', 'palette.png'].map((file) => join(folder, 'inputs', file))
    const ours = await Promise.all(files.map((file) => tiles(to, file)))
    const theirs = readSafetensors(join(folder, 'expected.safetensors')).get(
      'pre_modes.pixel_values',
    )!
    assert.deepEqual(toBytes(ours.flatMap((pixels) => [...pixels])), toBytes(theirs))
  })

  it('lose a colour that a palette declares transparent only to the default', async () => {
    const data = Uint8Array.of(250, 10, 10, 255, 10, 250, 10, 0)
    const png = await sharp(data, { raw: { width: 2, height: 1, channels: 4 } })
      .png({ palette: true, colours: 4, dither: 0 })
      .toBuffer()
    assert.equal(png[25], 3)
    const second = async (alpha?: AlphaTreatment) => [...(await see(png, alpha)).data.slice(3)]
    assert.deepEqual(await second(), [255, 255, 255])
    const stored = await second('dropped')
    assert.deepEqual(await second('colour-on-white'), stored)
    const old = await see(png, 'resized-then-dropped')
    assert.deepEqual([old.isIndexed, old.alpha, [...old.data.slice(3)]], [true, undefined, stored])
  })

  it('are blended with white to the nearest grey level', () => {
    const blended = [0, 1, 128, 255].map((alpha) => [
      ...onWhite(Uint8Array.of(0, 100, 255, alpha), { width: 1, height: 1 }).data,
    ])
    assert.deepEqual(blended, [
      [255, 255, 255],
      [254, 254, 255],
      [127, 177, 255],
      [0, 100, 255],
    ])
  })

  it('stay as they are where their size does', () => {
    const alpha = Uint8Array.of(3, 200)
    const picture = { data: Uint8Array.of(9, 8, 7, 6, 5, 4), width: 2, height: 1, alpha }
    assert.equal(resizeInMode(picture, 2, 1, { kernel: 'bicubic' }), picture)
  })

  it('show nothing of a colour that cannot be seen in one that can', () => {
    // Red that is opaque beside green that is not: the mean is red, not yellow.
    const data = Uint8Array.of(200, 0, 0, 0, 200, 0)
    const picture = { data, width: 2, height: 1, alpha: Uint8Array.of(255, 0) }
    const [red, green] = resizeInMode(picture, 1, 1, { kernel: 'bilinear' }).data
    assert.deepEqual([red, green], [199, 0])
  })
})
