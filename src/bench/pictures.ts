/** Pictures for load: of photo sizes, noisy enough that decoding is real, each file unlike all others. */
import { readFileSync } from 'node:fs'
import sharp from 'sharp'

/** Width, height and format of the base pictures: what phones, the web and scanners send. */
const SHAPES = [
  [1600, 1200, 'jpeg'],
  [1080, 1350, 'jpeg'],
  [640, 480, 'jpeg'],
  [1280, 720, 'png'],
  [480, 640, 'png'],
] as const

const SHIPPED = ['red-circle-blue-square.png', 'three-stars.jpg'] as const

export interface BenchPicture {
  readonly mediaType: 'image/jpeg' | 'image/png'
  readonly bytes: Buffer
}

/** The base pictures: five drawn from the seed, and two of those in docs/pictures. */
export async function basePictures(seed: number): Promise<BenchPicture[]> {
  const drawn = SHAPES.map(([width, height, format], i) =>
    draw(width, height, format, seed * 8 + i),
  )
  return [...(await Promise.all(drawn)), ...SHIPPED.map(shipped)]
}

/**
 * A picture with the same pixels as `base` and bytes that no other number gives: caches that key by
 * content miss, and the decoder has all its work.
 */
export function numbered(base: BenchPicture, number: number): BenchPicture {
  const note = Buffer.from(`aerie bench ${number}`)
  if (base.mediaType === 'image/jpeg') {
    // SOI, then a comment segment: marker FF FE and a length that counts itself.
    const marker = Buffer.from([0xff, 0xfe, 0, note.length + 2])
    return {
      ...base,
      bytes: Buffer.concat([base.bytes.subarray(0, 2), marker, note, base.bytes.subarray(2)]),
    }
  }
  // Whatever follows IEND is ignored by decoders and still part of the file's hash.
  return { ...base, bytes: Buffer.concat([base.bytes, note]) }
}

/** Blobs of colour under fine noise: compresses and decodes about as a photograph does. */
async function draw(
  width: number,
  height: number,
  format: 'jpeg' | 'png',
  seed: number,
): Promise<BenchPicture> {
  const blobs = Array.from({ length: 6 }, (_, i) => {
    const at = (n: number) => ((seed * 7919 + i * 104_729 + n * 1299) % 1000) / 1000
    const color = `hsl(${Math.round(360 * at(1))} 70% ${35 + Math.round(40 * at(2))}%)`
    return `<ellipse cx="${width * at(3)}" cy="${height * at(4)}" rx="${width * (0.1 + 0.2 * at(5))}" ry="${height * (0.1 + 0.2 * at(6))}" fill="${color}"/>`
  })
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<filter id="grain"><feTurbulence baseFrequency="0.8" numOctaves="2" seed="${seed}"/>` +
    '<feColorMatrix type="saturate" values="0.3"/></filter>' +
    `<rect width="100%" height="100%" fill="#8a9"/>${blobs.join('')}` +
    '<rect width="100%" height="100%" filter="url(#grain)" opacity="0.12"/></svg>'
  const image = sharp(Buffer.from(svg)).removeAlpha()
  return format === 'jpeg'
    ? { mediaType: 'image/jpeg', bytes: await image.jpeg({ quality: 85 }).toBuffer() }
    : { mediaType: 'image/png', bytes: await image.png({ compressionLevel: 6 }).toBuffer() }
}

function shipped(name: (typeof SHIPPED)[number]): BenchPicture {
  return {
    mediaType: name.endsWith('.png') ? 'image/png' : 'image/jpeg',
    bytes: readFileSync(new URL(`../../docs/pictures/${name}`, import.meta.url)),
  }
}
