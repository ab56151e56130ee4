/** What lies behind the objects: plain, gradient, pattern, texture or photo-like, as pixels that still read as their name. */
import sharp, { type Sharp } from 'sharp'
import { type BackgroundName, backgroundRgb, type Rgb } from './language.ts'
import type { Random } from './random.ts'
import { css, isDark, jittered, mixed } from './tones.ts'

export const BACKGROUND_STYLES = {
  plain: 0.3,
  gradient: 0.2,
  pattern: 0.15,
  texture: 0.15,
  photo: 0.2,
} as const
export type BackgroundStyle = keyof typeof BACKGROUND_STYLES

/** An opaque picture of `width`×`height` pixels. */
export async function drawBackground(
  name: BackgroundName,
  style: BackgroundStyle,
  width: number,
  height: number,
  random: Random,
): Promise<Sharp> {
  const color = jittered(backgroundRgb(name), 7, 3, random)
  switch (style) {
    case 'plain':
      return vector(width, height, `<rect width="100%" height="100%" fill="${css(color)}"/>`)
    case 'gradient':
      return vector(width, height, gradient(color, random))
    case 'pattern':
      return vector(width, height, pattern(color, Math.max(width, height), random))
    case 'texture':
      return texture(color, width, height, random)
    case 'photo':
      return photo(color, width, height, random)
  }
}

function vector(width: number, height: number, body: string): Sharp {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${body}</svg>`
  return sharp(Buffer.from(svg)).removeAlpha()
}

/** The same colour, somewhat lighter or darker; near-black only gets lighter and near-white darker. */
function neighbour(color: Rgb, share: number, random: Random): Rgb {
  const lighter = isDark(color) || (Math.max(...color) < 235 && random.chance(0.5))
  return mixed(color, lighter ? [255, 255, 255] : [0, 0, 0], isDark(color) ? share * 0.6 : share)
}

function gradient(color: Rgb, random: Random): string {
  const other = neighbour(color, random.uniform(0.08, 0.2), random)
  const stops = `<stop offset="0" stop-color="${css(color)}"/><stop offset="1" stop-color="${css(other)}"/>`
  const turn = random.below(360)
  const shape = random.chance(0.6)
    ? `<linearGradient id="g" gradientTransform="rotate(${turn} .5 .5)">${stops}</linearGradient>`
    : `<radialGradient id="g" cx="${random.uniform(0.2, 0.8)}" cy="${random.uniform(0.2, 0.8)}" r=".9">${stops}</radialGradient>`
  return `<defs>${shape}</defs><rect width="100%" height="100%" fill="url(#g)"/>`
}

function pattern(color: Rgb, longest: number, random: Random): string {
  const other = css(neighbour(color, random.uniform(0.04, 0.1), random))
  const cell = (longest / 160) * random.uniform(7, 24)
  const motif = random.pick([
    `<circle cx="${cell / 2}" cy="${cell / 2}" r="${cell * random.uniform(0.15, 0.35)}" fill="${other}"/>`,
    `<rect width="${cell}" height="${cell * random.uniform(0.2, 0.5)}" fill="${other}"/>`,
    `<path d="M0 0H${cell}M0 0V${cell}" stroke="${other}" stroke-width="${cell * 0.18}"/>`,
    `<path d="M0 ${cell / 2}L${cell / 2} 0L${cell} ${cell / 2}" stroke="${other}" stroke-width="${cell * 0.16}" fill="none"/>`,
    `<path d="M0 0H${cell / 2}V${cell / 2}H0ZM${cell / 2} ${cell / 2}H${cell}V${cell}H${cell / 2}Z" fill="${other}"/>`,
  ])
  return `<defs><pattern id="p" width="${cell}" height="${cell}" patternUnits="userSpaceOnUse" patternTransform="rotate(${random.below(90)})">${motif}</pattern></defs>
    <rect width="100%" height="100%" fill="${css(color)}"/><rect width="100%" height="100%" fill="url(#p)"/>`
}

/** Paper, cloth or plaster from turbulence, computed small and enlarged. */
async function texture(color: Rgb, width: number, height: number, random: Random): Promise<Sharp> {
  const shrink = Math.min(1, 360 / Math.max(width, height))
  const [w, h] = [Math.max(8, Math.round(width * shrink)), Math.max(8, Math.round(height * shrink))]
  const fine = random.uniform(0.02, 0.2)
  const frequency = random.chance(0.3) ? `${fine * 0.15} ${fine}` : `${fine}` // one direction only: wood, cloth
  const strength = random.uniform(0.08, isDark(color) ? 0.15 : 0.22)
  const grain = `<filter id="t" x="0" y="0" width="100%" height="100%">
    <feTurbulence type="${random.pick(['fractalNoise', 'turbulence'])}" baseFrequency="${frequency}" numOctaves="3" seed="${random.below(1000)}"/>
    <feColorMatrix values="0 0 0 0 ${isDark(color) ? 1 : 0}  0 0 0 0 ${isDark(color) ? 1 : 0}  0 0 0 0 ${isDark(color) ? 1 : 0}  ${strength} ${strength} 0 0 ${-strength * 0.4}"/></filter>`
  const small = vector(
    w,
    h,
    `${grain}<rect width="100%" height="100%" fill="${css(color)}"/><rect width="100%" height="100%" filter="url(#t)"/>`,
  )
  return enlarged(await small.raw().toBuffer(), w, h, width, height)
}

/** Out-of-focus surroundings: smooth colour noise of three scales around the colour, a slope of light, a vignette. */
async function photo(color: Rgb, width: number, height: number, random: Random): Promise<Sharp> {
  const cells = 48
  const layers = [3, 7, 20].map((coarse, i) => smooth(coarse, [9, 7, 4][i] as number, random))
  const [slopeX, slopeY, vignette] = [
    random.uniform(-18, 18),
    random.uniform(-18, 18),
    random.uniform(0, 26),
  ]
  const pixels = Buffer.alloc(cells * cells * 3)
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const [u, v] = [column / (cells - 1) - 0.5, row / (cells - 1) - 0.5]
      const light = slopeX * u + slopeY * v - vignette * (u * u + v * v)
      for (let channel = 0; channel < 3; channel++) {
        const noise = layers.reduce((sum, layer) => sum + layer(u + 0.5, v + 0.5, channel), 0)
        const value = (color[channel] as number) + noise + light
        pixels[(row * cells + column) * 3 + channel] = Math.min(255, Math.max(0, Math.round(value)))
      }
    }
  }
  return enlarged(pixels, cells, cells, width, height)
}

/** Bilinear noise on a coarse grid: mostly common to the channels, partly their own. */
function smooth(
  coarse: number,
  strength: number,
  random: Random,
): (u: number, v: number, channel: number) => number {
  const side = coarse + 1
  const knots = Array.from({ length: side * side }, () => {
    const common = random.normal() * strength
    return [0, 1, 2].map(() => common + random.normal() * strength * 0.2)
  })
  return (u, v, channel) => {
    const [x, y] = [Math.min(u * coarse, coarse - 1e-9), Math.min(v * coarse, coarse - 1e-9)]
    const [i, j] = [Math.floor(x), Math.floor(y)]
    const knot = (column: number, row: number) => knots[row * side + column]?.[channel] ?? 0
    const top = knot(i, j) * (1 - (x - i)) + knot(i + 1, j) * (x - i)
    const bottom = knot(i, j + 1) * (1 - (x - i)) + knot(i + 1, j + 1) * (x - i)
    return top * (1 - (y - j)) + bottom * (y - j)
  }
}

function enlarged(pixels: Buffer, w: number, h: number, width: number, height: number): Sharp {
  return sharp(pixels, { raw: { width: w, height: h, channels: 3 } }).resize(width, height, {
    fit: 'fill',
    kernel: 'cubic',
  })
}
