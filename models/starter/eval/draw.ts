/** A scene as the bytes of a PNG or JPEG file, drawn by librsvg. */
import sharp from 'sharp'
import { BACKGROUND_STYLES, drawBackground } from './backgrounds.ts'
import { objectSvg, textSvg } from './figures.ts'
import { SQUARE } from './language.ts'
import { createRandom, type Random } from './random.ts'
import type { Scene } from './scene.ts'

export interface Drawing {
  readonly bytes: Buffer
  readonly mediaType: 'image/png' | 'image/jpeg'
}

export interface DrawOptions {
  /** Flat colours on a plain background in an exact PNG: what the tests measure. */
  readonly plain?: boolean
}

/** Draws a scene; the same scene gives the same pixels. */
export async function drawScene(
  scene: Scene,
  { plain = false }: DrawOptions = {},
): Promise<Drawing> {
  const random = createRandom(scene.seed ^ 0x5ce4e)
  const { width, height } = scene
  const style = plain ? 'plain' : random.weighted(BACKGROUND_STYLES)
  const background = await drawBackground(scene.background, style, width, height, random)
  const { data } = await background
    .composite([{ input: Buffer.from(foreground(scene, random, plain)) }])
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  if (!plain && random.chance(0.35)) addNoise(data, random.uniform(2, 10), random)
  const finished = sharp(data, { raw: { width, height, channels: 3 } })
  if (plain)
    return { bytes: await finished.png({ compressionLevel: 3 }).toBuffer(), mediaType: 'image/png' }
  if (random.chance(0.15))
    finished.blur(0.3 + (Math.max(width, height) / SQUARE) * random.uniform(0.1, 0.5))
  if (random.chance(0.3))
    return { bytes: await finished.png({ compressionLevel: 3 }).toBuffer(), mediaType: 'image/png' }
  const quality = 40 + random.below(56)
  return { bytes: await finished.jpeg({ quality }).toBuffer(), mediaType: 'image/jpeg' }
}

/** A mid-grey picture of a scene's size: what the blinded model sees. */
export async function drawBlank(width: number, height: number): Promise<Drawing> {
  const create = { width, height, channels: 3 as const, background: { r: 128, g: 128, b: 128 } }
  return { bytes: await sharp({ create }).png().toBuffer(), mediaType: 'image/png' }
}

/** Objects, text and light as a transparent SVG of the picture's size. */
function foreground(scene: Scene, random: Random, plain: boolean): string {
  const { left, top, right, bottom } = scene.frame
  const figures = scene.objects.map((object, i) => objectSvg(object, `o${i}`, random, plain))
  const text = scene.text === undefined ? '' : textSvg(scene.text, random)
  const light = plain ? { defs: '', body: '' } : lightSvg(scene, random)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${scene.width}" height="${scene.height}" viewBox="${left} ${top} ${right - left} ${bottom - top}" preserveAspectRatio="none">
    <defs><filter id="soft" x="-20%" y="-20%" width="140%" height="140%"><feGaussianBlur stdDeviation=".8"/></filter>${figures.map((f) => f.defs).join('')}${light.defs}</defs>
    ${figures.map((f) => f.body).join('')}${text}${light.body}</svg>`
}

/** Light from a side or a lamp: an overlay that darkens one end and lightens the other. */
function lightSvg(scene: Scene, random: Random): { defs: string; body: string } {
  if (random.chance(0.45)) return { defs: '', body: '' }
  const { left, top, right, bottom } = scene.frame
  const [bright, dim] = [random.uniform(0, 0.12), random.uniform(0.04, 0.2)]
  const stops = `<stop offset="0" stop-color="#fff" stop-opacity="${bright}"/><stop offset=".45" stop-color="#888" stop-opacity="0"/><stop offset="1" stop-color="#000" stop-opacity="${dim}"/>`
  const defs = random.chance(0.5)
    ? `<linearGradient id="light" gradientTransform="rotate(${random.below(360)} .5 .5)">${stops}</linearGradient>`
    : `<radialGradient id="light" cx="${random.uniform(0.1, 0.9)}" cy="${random.uniform(0.1, 0.9)}" r="1">${stops}</radialGradient>`
  return {
    defs,
    body: `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="url(#light)"/>`,
  }
}

/** Gaussian noise of the given standard deviation, in place; one table of it is read from random offsets. */
function addNoise(pixels: Buffer, sigma: number, random: Random): void {
  const table = Int8Array.from({ length: 4099 }, () =>
    Math.max(-127, Math.min(127, Math.round(random.normal() * sigma))),
  )
  let index = 0
  for (let i = 0; i < pixels.length; i++) {
    if (i % 997 === 0) index = random.below(table.length)
    const value = pixels[i]! + table[index]!
    pixels[i] = Math.min(255, Math.max(0, value))
    index = index + 1 === table.length ? 0 : index + 1
  }
}
