import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import sharp from 'sharp'
import { decode } from '../../src/media/decode.ts'
import { ADOBE_RGB, iccProfile } from './icc-profile.ts'
import {
  type Color,
  colorAt,
  distance,
  LIMITS,
  look,
  quarterColors,
  quarters,
  solid,
} from './pictures.ts'

const RED: Color = [220, 30, 40]
const GREEN: Color = [20, 180, 60]
const BLUE: Color = [30, 60, 200]
const GREY: Color = [128, 128, 128]
const FOUR = [RED, GREEN, BLUE, GREY] as const

const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/media/${name}`, import.meta.url))

function isNear(actual: Color, expected: Color, tolerance: number): void {
  const difference = distance(actual, expected)
  assert.ok(difference <= tolerance, `${actual} is ${difference} from ${expected}`)
}

describe('decoding', () => {
  it('gives the same pixels whatever lossless format they came in', async () => {
    const pixels = await quarters(FOUR).raw().toBuffer()
    const files = {
      png: quarters(FOUR).png(),
      webp: quarters(FOUR).webp({ lossless: true }),
      gif: quarters(FOUR).gif(),
      tiff: quarters(FOUR).tiff({ compression: 'lzw' }),
    }
    for (const [format, file] of Object.entries(files)) {
      const { header, picture } = await look(await file.toBuffer())
      assert.equal(header.format, format)
      assert.deepEqual([header.width, header.height], [48, 32])
      assert.deepEqual(Buffer.from(picture.data), pixels, format)
    }
  })

  it('gives nearly the same pixels for lossy formats', async () => {
    for (const format of ['jpeg', 'webp', 'avif'] as const) {
      const { header, picture } = await look(
        await quarters(FOUR).toFormat(format, { quality: 90 }).toBuffer(),
      )
      assert.equal(header.format, format)
      for (const [i, color] of quarterColors(picture).entries()) isNear(color, FOUR[i]!, 8)
    }
  })

  it('tolerates a stray byte between the segments of a JPEG, as viewers do', async () => {
    const jpeg = await solid(RED).jpeg().toBuffer()
    const marker = jpeg.indexOf(Buffer.from([0xff, 0xc4]))
    const stray = Buffer.concat([jpeg.subarray(0, marker), Buffer.from([0]), jpeg.subarray(marker)])
    isNear(colorAt((await look(stray)).picture, 4, 4), RED, 4)
  })

  it('refuses every format when it is cut short', async () => {
    for (const format of ['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff'] as const) {
      const noise = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 31) & 255))
      const file = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
        .toFormat(format)
        .toBuffer()
      for (const part of [0.5, 0.9]) {
        const cut = file.subarray(0, Math.floor(file.length * part))
        await assert.rejects(
          look(cut),
          { code: 'invalid_media', param: 'picture' },
          `${part} of ${format}`,
        )
      }
    }
  })
})

describe('EXIF orientation', () => {
  /** Which stored quarter is seen where, in reading order (EXIF 2.32, §4.6.4). */
  const SEEN = {
    1: [0, 1, 2, 3],
    2: [1, 0, 3, 2],
    3: [3, 2, 1, 0],
    4: [2, 3, 0, 1],
    5: [0, 2, 1, 3],
    6: [2, 0, 3, 1],
    7: [3, 1, 2, 0],
    8: [1, 3, 0, 2],
  } as const
  for (const [name, seen] of Object.entries(SEEN)) {
    const orientation = Number(name)
    it(`${orientation} is applied`, async () => {
      const file = quarters(FOUR).withMetadata({ orientation }).jpeg({ chromaSubsampling: '4:4:4' })
      const { header, picture, conversions } = await look(await file.toBuffer())
      const isTurned = orientation >= 5
      assert.equal(header.orientation, orientation)
      assert.deepEqual([header.width, header.height], isTurned ? [32, 48] : [48, 32])
      assert.deepEqual([picture.width, picture.height], [header.width, header.height])
      for (const [i, color] of quarterColors(picture).entries()) isNear(color, FOUR[seen[i]!]!, 8)
      assert.deepEqual(
        conversions,
        orientation === 1 ? [] : [`EXIF orientation ${orientation} applied`],
      )
    })
  }
})

describe('colour', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aerie-icc-'))
  const adobeRgb = join(folder, 'adobe.icc')
  before(() => writeFileSync(adobeRgb, iccProfile(ADOBE_RGB)))
  after(() => rmSync(folder, { recursive: true }))

  /** The colour without the profile, to show that the profile matters. */
  const stored = async (file: Buffer) =>
    colorAt(
      { data: await sharp(file, { ignoreIcc: true }).raw().toBuffer(), width: 8, height: 8 },
      4,
      4,
    )

  for (const bits of [8, 16]) {
    const samples = (color: Color) =>
      bits === 16 ? solid(color).toColourspace('rgb16') : solid(color)
    const also = bits === 16 ? ['16 bits → 8 bits'] : []

    it(`of Display P3 becomes sRGB, ${bits} bits`, async () => {
      const file = await samples(RED).withIccProfile('p3').png().toBuffer()
      const { picture, conversions, header } = await look(file)
      assert.ok(distance(await stored(file), RED) > 10)
      isNear(colorAt(picture, 4, 4), RED, 2)
      assert.notEqual(header.profile, null)
      assert.match(conversions[0]!, /P3.* → sRGB$/)
      assert.deepEqual(conversions.slice(1), also)
    })

    it(`of Adobe RGB becomes sRGB, ${bits} bits`, async () => {
      const file = await samples(GREEN).withIccProfile(adobeRgb).png().toBuffer()
      const { picture, conversions } = await look(file)
      assert.ok(distance(await stored(file), GREEN) > 10)
      isNear(colorAt(picture, 4, 4), GREEN, 2)
      assert.deepEqual(conversions, ['Adobe RGB (1998) → sRGB', ...also])
    })
  }

  it('with an sRGB profile stays as it is', async () => {
    const { picture, conversions } = await look(
      await solid(BLUE).withIccProfile('srgb').png().toBuffer(),
    )
    assert.deepEqual(colorAt(picture, 4, 4), BLUE)
    assert.deepEqual(conversions, [])
  })

  it('of CMYK ink becomes sRGB, also where the values are inverted under an Adobe marker', async () => {
    const { header, picture, conversions } = await look(fixture('cmyk-adobe.jpg'))
    const [cyan, black] = [colorAt(picture, 4, 8), colorAt(picture, 28, 8)]
    assert.equal(header.colourSpace, 'cmyk')
    assert.ok(cyan[0] < 60 && cyan[1] > 120 && cyan[2] > 190, String(cyan))
    assert.ok(Math.max(...black) < 70, String(black))
    assert.deepEqual(conversions, ['CMYK (no profile) → sRGB'])
  })

  it('of CMYK that is stored as YCCK, as Photoshop does, is the same as that of plain CMYK', async () => {
    const [ycck, cmyk] = [
      await look(fixture('ycck-adobe.jpg')),
      await look(fixture('cmyk-adobe.jpg')),
    ]
    assert.equal(ycck.header.colourSpace, 'cmyk')
    for (const x of [4, 28]) isNear(colorAt(ycck.picture, x, 8), colorAt(cmyk.picture, x, 8), 3)
    assert.deepEqual(ycck.conversions, cmyk.conversions)
  })

  it('of CMYK without that marker is taken for inverted too, as browsers take it', async () => {
    const file = fixture('cmyk-adobe.jpg')
    const plain = Buffer.concat([file.subarray(0, 2), file.subarray(2 + 2 + file.readUInt16BE(4))])
    assert.ok(!plain.includes('Adobe'))
    assert.deepEqual((await look(plain)).picture, (await look(file)).picture)
  })

  it('of CMYK with a profile becomes sRGB by that profile', async () => {
    const file = await solid([200, 60, 50])
      .toColourspace('cmyk')
      .withIccProfile('cmyk')
      .jpeg()
      .toBuffer()
    const { header, picture, conversions } = await look(file)
    assert.equal(header.colourSpace, 'cmyk')
    assert.notEqual(header.profile, null)
    isNear(colorAt(picture, 4, 4), [200, 60, 50], 25)
    assert.match(conversions[0]!, /^CMYK \((?!no profile).+\) → sRGB$/)
  })

  it('in 16 bits keeps its high byte', async () => {
    const { header, picture, conversions } = await look(
      await solid([0x12, 0x80, 0xfe]).toColourspace('rgb16').png().toBuffer(),
    )
    assert.equal(header.bitDepth, 'ushort')
    assert.deepEqual(colorAt(picture, 4, 4), [0x12, 0x80, 0xfe])
    assert.deepEqual(conversions, ['16 bits → 8 bits'])
  })

  it('in grey becomes three equal channels, 8 and 16 bits', async () => {
    for (const space of ['b-w', 'grey16']) {
      const { header, picture, conversions } = await look(
        await solid(GREY).toColourspace(space).png().toBuffer(),
      )
      assert.equal(header.colourSpace, space)
      assert.deepEqual(colorAt(picture, 4, 4), GREY)
      assert.equal(conversions[0], 'greyscale → RGB')
    }
  })
})

describe('transparency', () => {
  const halfRed = () =>
    sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0.5 } },
    })

  it('shows white', async () => {
    for (const file of [
      halfRed().png(),
      halfRed().webp({ lossless: true }),
      halfRed().tiff({ compression: 'lzw' }),
    ]) {
      const { picture, conversions } = await look(await file.toBuffer())
      isNear(colorAt(picture, 4, 4), [255, 127, 127], 1)
      assert.deepEqual(conversions, ['alpha on white'])
    }
  })

  it('is dropped for families whose published code drops it: colours as they are stored', async () => {
    for (const file of [halfRed().png(), halfRed().png({ palette: true })]) {
      const bytes = await file.toBuffer()
      const { header } = await look(bytes)
      const { picture, conversions } = await decode(bytes, header, LIMITS, 'picture', 'dropped')
      assert.deepEqual(colorAt(picture, 4, 4), [255, 0, 0])
      assert.equal(conversions.at(-1), 'alpha dropped')
    }
  })

  it('shows white in 16 bits and in grey', async () => {
    const deep = await look(await halfRed().toColourspace('rgb16').png().toBuffer())
    isNear(colorAt(deep.picture, 4, 4), [255, 127, 127], 1)
    const greyAlpha = Buffer.from(Array.from({ length: 64 }, () => [0, 128]).flat())
    const grey = await look(
      await sharp(greyAlpha, { raw: { width: 8, height: 8, channels: 2 } })
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    )
    assert.equal(grey.header.channels, 2)
    isNear(colorAt(grey.picture, 4, 4), [127, 127, 127], 1)
  })

  it('shows white behind the transparent entries of a palette', async () => {
    const png = await sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    })
      .composite([{ input: await solid(BLUE, 4, 8).png().toBuffer(), left: 0, top: 0 }])
      .png({ palette: true })
      .toBuffer()
    assert.ok(png.includes('tRNS'))
    const { picture, conversions } = await look(png)
    isNear(colorAt(picture, 1, 4), BLUE, 2)
    assert.deepEqual(colorAt(picture, 6, 4), [255, 255, 255])
    assert.deepEqual(conversions, ['palette → RGB', 'alpha on white'])
  })
})

describe('an animation', () => {
  for (const format of ['gif', 'webp'] as const) {
    it(`shows its first frame: ${format}`, async () => {
      const frames = await Promise.all(
        [RED, GREEN, BLUE].map((c) => solid(c, 16, 16).png().toBuffer()),
      )
      const file = await sharp(frames, { join: { animated: true } })
        .toFormat(format, { lossless: true })
        .toBuffer()
      const { header, picture, conversions } = await look(file)
      assert.equal(header.frames, 3)
      assert.deepEqual([header.width, header.height], [16, 16])
      isNear(colorAt(picture, 8, 8), RED, 4)
      assert.equal(conversions[0], 'first of 3 frames')
    })
  }
})
