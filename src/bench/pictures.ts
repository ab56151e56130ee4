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

/** As small as frames of a clip often are, so that a thousand of them fit in one body. */
export async function smallPicture(): Promise<BenchPicture> {
  return await draw(320, 240, 'jpeg', 0)
}

/** Twelve megapixels, as phones take them; too large a share of a load of pictures, but what decoding is measured with. */
export async function largePicture(): Promise<BenchPicture> {
  return await draw(4000, 3000, 'jpeg', 0)
}

/**
 * data: URIs of pictures with the same pixels as `base` and bytes that no other number gives: caches that key by content
 * miss, and the decoder has all its work. Only the numbered bytes are encoded each time, so that whoever sends thousands
 * of them leaves the processor to the server.
 */
export function numberedUris({ mediaType, bytes }: BenchPicture): (number: number) => Buffer {
  const scheme = `data:${mediaType};base64,`
  if (mediaType === 'image/jpeg') {
    // SOI, then a comment segment: marker FF FE and a length that counts itself. Thirty bytes, whole groups of base64.
    const marker = Buffer.from([0xff, 0xfe, 0, NOTE_BYTES + 2])
    const start = Buffer.from(scheme)
    const rest = Buffer.from(bytes.subarray(2).toString('base64'))
    return (number) =>
      Buffer.concat([start, base64(bytes.subarray(0, 2), marker, note(number)), rest])
  }
  // Whatever follows IEND is ignored by decoders and still part of the file's hash.
  const padding = Buffer.alloc((3 - (bytes.byteLength % 3)) % 3)
  const start = Buffer.concat([Buffer.from(scheme), base64(bytes, padding)])
  return (number) => Buffer.concat([start, base64(note(number))])
}

const NOTE_BYTES = 24

function note(number: number): Buffer {
  return Buffer.from(`aerie bench ${number}`.padEnd(NOTE_BYTES))
}

function base64(...parts: readonly Buffer[]): Buffer {
  return Buffer.from(Buffer.concat(parts).toString('base64'))
}

/** Slow waves of colour, in JPEG under fine noise: compresses and decodes about as what people send does. */
async function draw(
  width: number,
  height: number,
  format: 'jpeg' | 'png',
  seed: number,
): Promise<BenchPicture> {
  const pixels = new Uint8Array(width * height * 3)
  // A camera's noise in JPEG; PNG is what screens and drawings come as, with next to none.
  const grainShift = format === 'jpeg' ? 28 : 31
  let noise = seed * 2_654_435_761 + 1
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      noise = Math.imul(noise, 1_664_525) + 1_013_904_223
      const grain = (noise >>> grainShift) - 8
      const wave = Math.sin((x * (1 + (seed % 5))) / 170) + Math.cos((y * (1 + (seed % 3))) / 130)
      pixels[at++] = 128 + 50 * wave + grain
      pixels[at++] = 120 - 30 * wave + (x >> 5) + grain
      pixels[at++] = 90 + (y >> 4) + grain
    }
  }
  const image = sharp(pixels, { raw: { width, height, channels: 3 } })
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
