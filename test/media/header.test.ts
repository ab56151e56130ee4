import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { readHeader } from '../../src/media/header.ts'
import { checkHeader, decodedBytes } from '../../src/media/limits.ts'
import { colorAt, LIMITS, look, pngOfSize, solid } from './pictures.ts'

const WITH_SVG = { ...LIMITS, allowSvg: true }

async function checked(bytes: Uint8Array, limits = LIMITS) {
  const header = await readHeader(bytes, limits, 'picture')
  checkHeader(header, limits, 'picture')
  return header
}

const refused = (bytes: Uint8Array | string, code: string, message: RegExp, limits = LIMITS) =>
  assert.rejects(
    checked(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, limits),
    { code, message, param: 'picture' },
    String(message),
  )

describe('what is no picture', () => {
  const KINDS = {
    'an HTML page': '\n<!DOCTYPE html><html><body>hello</body></html>',
    'an XML or HTML document': '<?xml version="1.0"?><feed></feed>',
    'a PDF document': '%PDF-1.7\n%âãÏÓ',
    'a ZIP archive': `PK\x03\x04${deflateRawSync('x').toString('latin1')}`,
    'gzip data': gzipSync('<svg xmlns="http://www.w3.org/2000/svg"/>').toString('latin1'),
    'an MP4 video': '\0\0\0\x18ftypisom\0\0\x02\0isomiso2',
    'a Matroska video': '\x1a\x45\xdf\xa3\x01\0\0\0',
    'an AVI video': 'RIFF\x24\0\0\0AVI LIST',
    'a QuickTime video': '\0\0\0\x08wide\0\0\x02\0mdat',
    'an MPEG video': '\0\0\x01\xba\x44\0\x04\0',
    'an MPEG transport stream': `G\x40\0\x10${'\xff'.repeat(184)}`.repeat(3),
    'an IVF video': 'DKIF\0\0\x20\0VP80',
    'an Ogg video': `OggS\0\x02${'\0'.repeat(22)}\x80theora`,
    'an Ogg sound': `OggS\0\x02${'\0'.repeat(22)}\x01vorbis`,
    'an MP4 sound': '\0\0\0\x18ftypM4A \0\0\x02\0isomiso2',
    'a Windows Media video': '\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9',
    'a Flash video': 'FLV\x01\x05\0\0\0\x09',
    'a Wave64 sound': 'riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb',
    'a WAVE sound': 'RIFF\x24\0\0\0WAVEfmt ',
    'not of any known picture format': 'just text',
  }
  for (const [name, bytes] of Object.entries(KINDS)) {
    it(`is refused by name: ${name}`, () =>
      refused(bytes, 'invalid_media', new RegExp(`data is ${name}$`)))
  }

  it('is a transport stream also where a time stands before each packet, as in cameras', () =>
    refused(
      `\0\0\0\0G\x40\0\x10${'\xff'.repeat(184)}`.repeat(3),
      'invalid_media',
      /data is an MPEG transport stream$/,
    ))

  it('is refused also where libvips could read it', async () => {
    await refused('P6 1 1 255 abc', 'invalid_media', /known picture format/)
    await refused('#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\nabcd', 'invalid_media', /known/)
  })
})

describe('a picture of another kind', () => {
  it('is refused with what to send instead', async () => {
    await refused('BM\x46\0\0\0', 'unsupported_media', /BMP.*send JPEG, PNG/)
    await refused('\xff\x0a\x7f', 'unsupported_media', /JPEG XL/)
    await refused('\0\0\0\x0cjP  \r\n\x87\n', 'unsupported_media', /JPEG 2000/)
    await refused('\0\0\x01\0\x01\0', 'unsupported_media', /ICO/)
    await refused(`${'\0'.repeat(128)}DICM`, 'unsupported_media', /DICOM/)
  })

  it('HEIC says that its codec is missing', async () => {
    const heic = readFileSync(new URL('../fixtures/media/plain.heic', import.meta.url))
    await refused(
      heic,
      'unsupported_media',
      /HEIC pictures cannot be decoded here \(hevc\); send JPEG/,
    )
  })

  it('of floating-point samples is refused, since nobody says what range they have', async () => {
    const tiff = await solid([1, 2, 3])
      .toColourspace('scrgb')
      .tiff({ compression: 'none' })
      .toBuffer()
    await refused(tiff, 'unsupported_media', /samples of type float/)
  })
})

describe('a polyglot', () => {
  it('is what its first bytes say', async () => {
    const gif = await solid([9, 9, 9]).gif().toBuffer()
    const trailing = Buffer.concat([
      gif,
      Buffer.from('<script>alert(1)</script>%PDF-1.4 PK\x03\x04'),
    ])
    assert.equal((await checked(trailing)).format, 'gif')
    const leading = Buffer.concat([
      Buffer.from('%PDF-1.4\n'),
      await solid([9, 9, 9]).jpeg().toBuffer(),
    ])
    await refused(leading, 'invalid_media', /a PDF document/)
  })

  it('that begins as one format and reads as another is refused', async () => {
    const webp = await solid([9, 9, 9]).webp().toBuffer()
    // The bytes 8–11 say WebP; what stands before them says nothing.
    await refused(
      Buffer.concat([Buffer.from('GIF8'), webp.subarray(4)]),
      'invalid_media',
      /damaged/,
    )
  })
})

describe('limits', () => {
  it('name themselves, the value and the size that came', async () => {
    await refused(
      pngOfSize(9600, 9600),
      'media_too_large',
      /9600×9600 = 92.2 megapixels, maxImagePixels is 64/,
    )
    await refused(pngOfSize(16_385, 1000), 'media_too_large', /16385×1000, maxImageSide is 16384/)
    await refused(pngOfSize(10, 1010), 'media_too_large', /101.0 times .*maxAspectRatio is 50/)
    assert.equal((await checked(pngOfSize(10, 500, 500))).height, 500)
  })

  it('are checked before a pixel is decoded: files that promise too much need not even hold it', async () => {
    await refused(pngOfSize(30_000, 30_000), 'media_too_large', /maxImageSide/)
    const side = { ...LIMITS, maxImageSide: 1e6 }
    await refused(pngOfSize(30_000, 30_000), 'media_too_large', /900 megapixels/, side)
    await refused(gifOfSize(65_535, 65_535), 'media_too_large', /65535×65535/)
    await refused(await avifOfSize(60_000, 50_000), 'media_too_large', /60000×50000/)
    await refused(tiffOfSize(3_000_000, 2_000_000), 'media_too_large', /3000000×2000000/)
  })

  it('count sizes that only SVG can have', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="20000" height="20000"/>'
    await refused(svg, 'media_too_large', /maxImageSide/, WITH_SVG)
  })

  it('foresee the memory of decoding: as stored and as RGB', async () => {
    assert.equal(decodedBytes(await checked(pngOfSize(100, 50, 50))), 100 * 50 * (1 + 3))
    const deep = await solid([1, 2, 3], 10, 10).toColourspace('rgb16').png().toBuffer()
    assert.equal(decodedBytes(await checked(deep)), 10 * 10 * (3 * 2 + 3))
  })
})

describe('SVG', () => {
  const svg = (content: string) =>
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="16" height="16">${content}</svg>`,
    )

  it('is refused unless it is allowed', () =>
    refused(svg(''), 'unsupported_media', /SVG pictures are refused unless allowSvg/))

  it('is drawn on white where it is allowed', async () => {
    const { picture, conversions, header } = await look(
      svg('<rect width="8" height="16" fill="#f00"/>'),
      WITH_SVG,
    )
    assert.equal(header.format, 'svg')
    assert.deepEqual(colorAt(picture, 4, 8), [255, 0, 0])
    assert.deepEqual(colorAt(picture, 12, 8), [255, 255, 255])
    assert.deepEqual(conversions, ['SVG drawn at 16×16', 'alpha on white'])
  })

  it('loads nothing from elsewhere: no files, no URLs, no entities', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aerie-svg-'))
    let asked = 0
    const server = createServer((_, response) => {
      asked += 1
      response.end()
    })
    try {
      const red = join(folder, 'red.png')
      writeFileSync(red, await solid([255, 0, 0], 16, 16).png().toBuffer())
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const http = `http://127.0.0.1:${(server.address() as AddressInfo).port}/red.png`
      const file = pathToFileURL(red).href
      for (const href of [file, red, http]) {
        const contents = [
          `<image width="16" height="16" href="${href}"/>`,
          `<image width="16" height="16" xlink:href="${href}"/>`,
          `<style>@import url("${href}"); rect { fill: url("${href}#a") }</style>`,
          `<use href="${href}#a"/>`,
        ]
        for (const content of contents) {
          const { picture } = await look(svg(content), WITH_SVG)
          assert.deepEqual(colorAt(picture, 8, 8), [255, 255, 255], content)
        }
      }
      const entity = Buffer.from(
        `<!DOCTYPE svg [<!ENTITY x SYSTEM "${file}">]>${svg('<text y="9">&x;</text>')}`,
      )
      await refused(entity, 'invalid_media', /Entity 'x' not defined/, WITH_SVG)
      assert.equal(asked, 0)
    } finally {
      server.close()
      rmSync(folder, { recursive: true })
    }
  })
})

/** A GIF whose screen and only frame have this size, and hardly any pixels. */
function gifOfSize(width: number, height: number): Buffer {
  const screen = Buffer.alloc(7)
  screen.writeUInt16LE(width, 0)
  screen.writeUInt16LE(height, 2)
  const frame = Buffer.from([0x2c, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 255, 255, 255])
  screen.copy(frame, 5, 0, 4)
  const pixels = Buffer.from([2, 2, 0x44, 0x01, 0, 0x3b])
  return Buffer.concat([Buffer.from('GIF89a'), screen, frame, pixels])
}

/** A real AVIF whose image spatial extents say something else. */
async function avifOfSize(width: number, height: number): Promise<Buffer> {
  const avif = await solid([1, 2, 3], 64, 64).avif().toBuffer()
  const at = avif.indexOf('ispe') + 8
  avif.writeUInt32BE(width, at)
  avif.writeUInt32BE(height, at + 4)
  return avif
}

/** An uncompressed grey TIFF of one strip that is not there. */
function tiffOfSize(width: number, height: number): Buffer {
  const tags: [number, number][] = [
    [256, width],
    [257, height],
    [258, 8],
    [259, 1],
    [262, 1],
    [273, 8],
    [277, 1],
    [278, height],
    [279, 8],
  ]
  const file = Buffer.alloc(16 + 2 + tags.length * 12 + 4)
  file.write('II*\0', 0, 'latin1')
  file.writeUInt32LE(16, 4)
  file.writeUInt16LE(tags.length, 16)
  for (const [i, [tag, value]] of tags.entries()) {
    const at = 18 + i * 12
    file.writeUInt16LE(tag, at)
    file.writeUInt16LE(4, at + 2)
    file.writeUInt32LE(1, at + 4)
    file.writeUInt32LE(value, at + 8)
  }
  return file
}
