/** Finds what a plain evaluation picture shows in its pixels alone, knowing the colours' names and nothing else. */
import sharp from 'sharp'
import language from '../../models/starter/language.json' with { type: 'json' }

export interface SeenObject {
  /** Name of the colour that most of its pixels are close to. */
  readonly color: string
  /** Bounding box in units of the padded square. */
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

export interface SeenPicture {
  /** Name of the background whose colour is nearest. */
  readonly background: string
  readonly objects: readonly SeenObject[]
}

const SIDE = 480 // pixels of the padded square: three a unit
const UNIT = SIDE / 160
const APART = 1.5 * UNIT // pieces that are nearer than this belong to one object

/** The things on a flat background whose colour is that of the upper left corner. */
export async function seePicture(png: Buffer): Promise<SeenPicture> {
  const { data, info } = await sharp(png)
    .resize(SIDE, SIDE, { fit: 'inside', kernel: 'nearest' })
    .raw()
    .toBuffer({ resolveWithObject: true })
  const [width, height] = [info.width, info.height]
  const pixel = (i: number) => [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!] as const
  const ground = pixel(0)
  const isThing = (i: number) => distance(pixel(i), ground) > 30
  const visited = new Uint8Array(width * height)
  const pieces: number[][] = []
  for (let i = 0; i < width * height; i++) {
    if (visited[i] || !isThing(i)) continue
    const piece = [i]
    visited[i] = 1
    for (let k = 0; k < piece.length; k++) {
      const x = piece[k]! % width
      for (const step of [-1, 1, -width, width]) {
        const j = piece[k]! + step
        if (
          j < 0 ||
          j >= visited.length ||
          (step === -1 && x === 0) ||
          (step === 1 && x === width - 1)
        )
          continue
        if (visited[j] || !isThing(j)) continue
        visited[j] = 1
        piece.push(j)
      }
    }
    pieces.push(piece)
  }
  const [offsetX, offsetY] = [(SIDE - width) / 2, (SIDE - height) / 2]
  const whole = joined(pieces.map((indices) => ({ indices, box: boxOf(indices, width) })))
  const objects = whole.map(({ indices, box }) => ({
    color: colorOf(indices.map(pixel)),
    left: (box.left + offsetX) / UNIT,
    right: (box.right + 1 + offsetX) / UNIT,
    top: (box.top + offsetY) / UNIT,
    bottom: (box.bottom + 1 + offsetY) / UNIT,
  }))
  const named = Object.entries(language.backgrounds)
  const [background] = named.sort((a, b) => distance(a[1], ground) - distance(b[1], ground))[0]!
  return { background, objects }
}

interface Piece {
  readonly indices: number[]
  readonly box: ReturnType<typeof boxOf>
}

/** Joins pieces whose boxes nearly touch until none do. */
function joined(pieces: readonly Piece[]): Piece[] {
  const done: Piece[] = []
  for (let piece of pieces) {
    for (let i = done.length - 1; i >= 0; i--) {
      if (!near(piece.box, done[i]!.box)) continue
      const [other] = done.splice(i, 1)
      piece = { indices: [...piece.indices, ...other!.indices], box: around(piece.box, other!.box) }
      i = done.length // the larger box may reach pieces that were already passed
    }
    done.push(piece)
  }
  return done
}

function boxOf(indices: readonly number[], width: number) {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1]
  for (const i of indices) {
    left = Math.min(left, i % width)
    right = Math.max(right, i % width)
    top = Math.min(top, Math.floor(i / width))
    bottom = Math.max(bottom, Math.floor(i / width))
  }
  return { left, top, right, bottom }
}

function near(a: Piece['box'], b: Piece['box']): boolean {
  const across = Math.max(a.left - b.right, b.left - a.right)
  const down = Math.max(a.top - b.bottom, b.top - a.bottom)
  return across < APART && down < APART
}

function around(a: Piece['box'], b: Piece['box']): Piece['box'] {
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  }
}

/** The named colour that most pixels are close to; shades and details are close to none. */
function colorOf(pixels: readonly (readonly number[])[]): string {
  const votes = new Map<string, number>()
  for (const rgb of pixels) {
    for (const [name, centre] of Object.entries(language.colors)) {
      if (distance(rgb, centre) <= 60) votes.set(name, (votes.get(name) ?? 0) + 1)
    }
  }
  return [...votes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'none'
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.abs(a[0]! - b[0]!) + Math.abs(a[1]! - b[1]!) + Math.abs(a[2]! - b[2]!)
}
