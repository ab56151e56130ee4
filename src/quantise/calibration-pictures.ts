/** Pictures to measure towers with, drawn here: flat shapes, a scene, a page, and fine grain. */
import type { ModePicture } from '../media/modes.ts'

type Rgb = readonly [number, number, number]
/** The colour at a place, both from 0 to 1. */
type Drawing = (x: number, y: number) => Rgb

const WIDTH = 448
const HEIGHT = 336

const circle = (x: number, y: number, cx: number, cy: number, r: number) =>
  (x - cx) ** 2 + ((y - cy) * (HEIGHT / WIDTH)) ** 2 < r * r
const isBetween = (value: number, from: number, to: number) => value >= from && value < to

const shapes: Drawing = (x, y) => {
  if (circle(x, y, 0.27, 0.45, 0.17)) return [214, 40, 40]
  if (isBetween(x, 0.55, 0.85) && isBetween(y, 0.3, 0.7)) return [30, 80, 200]
  return [250, 250, 246]
}

const scene: Drawing = (x, y) => {
  if (circle(x, y, 0.82, 0.2, 0.09)) return [255, 214, 60]
  const isRoof = y > 0.35 && y < 0.55 && Math.abs(x - 0.35) < (y - 0.3) * 0.8
  if (isRoof) return [150, 50, 40]
  if (isBetween(x, 0.31, 0.39) && isBetween(y, 0.68, 0.85)) return [90, 55, 30]
  if (isBetween(x, 0.2, 0.5) && isBetween(y, 0.55, 0.85)) return [222, 190, 140]
  if (circle(x, y, 0.72, 0.55, 0.1)) return [40, 120 + 40 * y, 50]
  if (isBetween(x, 0.7, 0.74) && isBetween(y, 0.6, 0.85)) return [100, 70, 40]
  if (y > 0.85) return [80, 140 - 60 * (y - 0.85), 60]
  return [110 + 100 * y, 160 + 70 * y, 235]
}

/** Lines of strokes, as a page seen from too far to read. */
const page: Drawing = (x, y) => {
  const line = Math.floor(y * 14)
  const inLine = isBetween(y * 14 - line, 0.3, 0.75)
  const stroke = Math.sin(x * 340 + line * 7) + Math.sin(x * 97 + line * 3)
  const isInk = inLine && isBetween(x, 0.08, line % 4 === 3 ? 0.6 : 0.92) && stroke > 0.3
  return isInk ? [25, 25, 30] : [245, 243, 236]
}

/** Every pixel another, and slow waves below. */
const grain: Drawing = (x, y) => {
  const wave = 90 + 60 * Math.sin(x * 9) * Math.cos(y * 7)
  const noise = (seed: number) => {
    const value = Math.sin(x * 1271.7 + y * 3119.3 + seed) * 43758.5453
    return (value - Math.floor(value)) * 70
  }
  return [wave + noise(1), wave + noise(2), wave + 30 + noise(3)]
}

const DRAWINGS = { shapes, scene, page, grain } as const
export type CalibrationPicture = keyof typeof DRAWINGS
export const CALIBRATION_PICTURES = Object.keys(DRAWINGS) as readonly CalibrationPicture[]

/** `[336, 448, 3]` */
export function drawPicture(name: CalibrationPicture): ModePicture {
  const data = new Uint8Array(WIDTH * HEIGHT * 3)
  let at = 0
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++)
      for (const channel of DRAWINGS[name](x / WIDTH, y / HEIGHT))
        data[at++] = Math.max(0, Math.min(255, Math.round(channel)))
  return { data, width: WIDTH, height: HEIGHT }
}
