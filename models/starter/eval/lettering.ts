/** Text as glyph outlines, from fonts that training never saw. */
import { readdirSync, readFileSync } from 'node:fs'
import opentype, { type Font, type PathCommand } from 'opentype.js'
import { boxOf, cubic, type Point, quadratic, type Ring } from './geometry.ts'

const FOLDER = new URL('./fonts/', import.meta.url)

/** File names of the held-out fonts, in a fixed order. */
export const FONTS: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.woff'))
  .sort()

const loaded = new Map<string, Font>()

function load(name: string): Font {
  const known = loaded.get(name)
  if (known !== undefined) return known
  const bytes = readFileSync(new URL(name, FOLDER))
  const font = opentype.parse(new Uint8Array(bytes).buffer)
  loaded.set(name, font)
  return font
}

/**
 * Outlines of a line of text with its bounding box centred on 0, 0, in units of the font size.
 * `tracking` is extra space between letters in the same units. Fill by the non-zero rule.
 */
export function letterRings(text: string, fontName: string, tracking: number): Ring[] {
  const font = load(fontName)
  const rings: Ring[] = []
  const glyphs = [...text].map((character) => font.charToGlyph(character))
  let x = 0
  glyphs.forEach((glyph, i) => {
    rings.push(...flatten(glyph.getPath(x, 0, 1).commands))
    const next = glyphs[i + 1]
    const kerning = next === undefined ? 0 : font.getKerningValue(glyph, next)
    x += (glyph.advanceWidth + kerning) / font.unitsPerEm + tracking
  })
  const box = boxOf(rings)
  const [cx, cy] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2]
  return rings.map((ring) => ring.map(([px, py]): Point => [px - cx, py - cy]))
}

function flatten(commands: readonly PathCommand[]): Ring[] {
  const rings: Point[][] = []
  let ring: Point[] = []
  for (const { type, x, y, x1, y1, x2, y2 } of commands) {
    const last = ring.at(-1) ?? [0, 0]
    if (type === 'M') {
      ring = [[x, y]]
      rings.push(ring)
    } else if (type === 'L') ring.push([x, y])
    else if (type === 'Q') ring.push(...quadratic(last, [x1, y1], [x, y], 6))
    else if (type === 'C') ring.push(...cubic(last, [x1, y1], [x2, y2], [x, y], 8))
  }
  return rings.filter((points) => points.length > 2)
}
