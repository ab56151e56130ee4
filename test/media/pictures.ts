/** Pictures that tests make themselves, and ways to look at them. */
import { crc32, deflateSync } from 'node:zlib'
import sharp, { type Sharp } from 'sharp'
import { decode } from '../../src/media/decode.ts'
import { readHeader } from '../../src/media/header.ts'
import type { Picture } from '../../src/media/resample.ts'
import type { FetchLimits, MediaLimits } from '../../src/media/types.ts'

export const LIMITS: MediaLimits = {
  maxImageBytes: 20 * 2 ** 20,
  maxImagePixels: 64_000_000,
  maxImageSide: 16_384,
  maxAspectRatio: 50,
  allowSvg: false,
}

export const FETCH_LIMITS: FetchLimits = {
  allowHttp: false,
  allowedHosts: [],
  allowPrivateAddresses: false,
  timeoutMs: 5000,
  maxRedirects: 3,
}

export const NEVER = new AbortController().signal

export type Color = readonly [number, number, number]

/** A sharp picture of one colour. */
export function solid(color: Color, width = 8, height = 8): Sharp {
  const [r, g, b] = color
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
}

/** A sharp picture of four quarters: top left, top right, bottom left, bottom right. */
export function quarters(colors: readonly [Color, Color, Color, Color], width = 48, height = 32) {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const quarter = (y < height / 2 ? 0 : 2) + (x < width / 2 ? 0 : 1)
      data.set(colors[quarter]!, (y * width + x) * 3)
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
}

/** The colours in the middle of a picture's quarters, in reading order. */
export function quarterColors({ data, width, height }: Picture): Color[] {
  return [
    [0.25, 0.25],
    [0.75, 0.25],
    [0.25, 0.75],
    [0.75, 0.75],
  ].map(([x, y]) => colorAt({ data, width, height }, width * x!, height * y!))
}

export function colorAt({ data, width }: Picture, x: number, y: number): Color {
  const at = (Math.floor(y) * width + Math.floor(x)) * 3
  return [data[at]!, data[at + 1]!, data[at + 2]!]
}

/** Largest difference of two colours in one channel. */
export function distance(a: Color, b: Color): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))
}

/** Header and pixels, as a decoder process would make them. */
export async function look(bytes: Uint8Array, limits: MediaLimits = LIMITS) {
  const header = await readHeader(bytes, limits, 'picture')
  return { header, ...(await decode(bytes, header, limits, 'picture')) }
}

/** A PNG whose header says this size and whose pixels are `rows` rows of zeros, however many were promised. */
export function pngOfSize(width: number, height: number, rows = 1): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 0, 0, 0, 0], 8)
  const pixels = deflateSync(Buffer.alloc(rows * (width + 1)))
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(data.length, 0)
  ends.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
}

export function dataUri(bytes: Uint8Array, type = 'image/png'): string {
  return `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
}
