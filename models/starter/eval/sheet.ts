/**
 * A contact sheet of evaluation pictures with their questions and answers, so that a person can check the truth:
 *
 *     node models/starter/eval/sheet.ts sheet.png [--pictures 12] [--seed 1]
 */
import { parseArgs } from 'node:util'
import sharp, { type OverlayOptions } from 'sharp'
import { drawScene } from './draw.ts'
import { boxOf, pathData } from './geometry.ts'
import { FONTS, letterRings } from './lettering.ts'
import { questionsAbout } from './questions.ts'
import { createScene } from './scene.ts'

const PICTURE = 300
const CELL = { width: 860, height: 384 }
const COLUMNS = 2

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pictures: { type: 'string', default: '12' }, seed: { type: 'string', default: '1' } },
})
const [file] = positionals
if (file === undefined)
  throw new Error('usage: node models/starter/eval/sheet.ts <file.png> [--pictures N] [--seed S]')
const [pictures, seed] = [Number(values.pictures), Number(values.seed)]

const layers: OverlayOptions[] = []
for (let i = 0; i < pictures; i++) {
  const scene = createScene(seed + i)
  const left = (i % COLUMNS) * CELL.width
  const top = Math.floor(i / COLUMNS) * CELL.height
  const { bytes } = await drawScene(scene)
  const picture = await sharp(bytes)
    .resize(PICTURE, PICTURE, { fit: 'contain', background: '#7a7468' })
    .toBuffer()
  const title = `seed ${scene.seed}, ${scene.width}×${scene.height}`
  const lines = questionsAbout(scene).flatMap(({ question, answer, seenPhrasing }) => [
    { text: `${seenPhrasing ? '' : '* '}${question}`, color: '#333' },
    ...(answer.match(/.{1,84}/g) ?? []).map((text) => ({ text: `    ${text}`, color: '#06c' })),
  ])
  layers.push({ input: picture, left: left + 8, top: top + 8 })
  layers.push({
    input: notes([{ text: title, color: '#999' }, ...lines]),
    left: left + PICTURE + 20,
    top: top + 8,
  })
}
const rows = Math.ceil(pictures / COLUMNS)
const sheet = {
  width: COLUMNS * CELL.width,
  height: rows * CELL.height,
  channels: 3 as const,
  background: '#fff',
}
await sharp({ create: sheet }).composite(layers).png().toFile(file)
console.log(`${file}: ${pictures} pictures; * marks a wording that training leaves out`)

/** Lines of small text as outlines, so that the sheet needs no system fonts. */
function notes(lines: readonly { text: string; color: string }[]): Buffer {
  const font = FONTS.find((name) => name.startsWith('fira-sans')) ?? (FONTS[0] as string)
  const body = lines.map(({ text, color }, i) => {
    const indent = text.length - text.trimStart().length
    const rings = letterRings(text.trim(), font, 0)
    const x = 12 * (indent * 0.3 - boxOf(rings).left)
    return `<path transform="translate(${x} ${14 + i * 14}) scale(12)" fill="${color}" d="${fine(rings)}"/>`
  })
  const [width, height] = [CELL.width - PICTURE - 24, CELL.height - 10]
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${body.join('')}</svg>`,
  )

  function fine(rings: Parameters<typeof pathData>[0]): string {
    return pathData(
      rings.map((ring) => ring.map(([px, py]) => [px * 100, py * 100] as const)),
    ).replace(/-?\d+\.\d+/g, (number) => (Number(number) / 100).toFixed(3))
  }
}
