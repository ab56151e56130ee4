/** Short clips of which it is known what they show: one shape in one colour, moving across a light ground. Needs ffmpeg. */
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'

const COLORS = {
  red: '#dc2323',
  green: '#28a53c',
  blue: '#284bd7',
  purple: '#8c32af',
  orange: '#f58c19',
  black: '#141416',
} as const

/** Around 0, 0; about 2 wide. */
const SHAPES = {
  circle: '<circle r="1"/>',
  square: '<rect x="-0.9" y="-0.9" width="1.8" height="1.8"/>',
  triangle: '<polygon points="0,-1 1,0.8 -1,0.8"/>',
  diamond: '<polygon points="0,-1.1 0.85,0 0,1.1 -0.85,0"/>',
} as const

export interface Drawing {
  readonly color: keyof typeof COLORS
  readonly shape: keyof typeof SHAPES
}

/** All of them, in one order. */
export const DRAWINGS: readonly Drawing[] = Object.keys(SHAPES).flatMap((shape) =>
  Object.keys(COLORS).map((color) => ({ color, shape }) as Drawing),
)

const [WIDTH, HEIGHT, MARGIN, RATE] = [320, 240, 40, 8]
const run = promisify(execFile)

/** Whether a caption says what is drawn. */
export function isTold(caption: string, { color, shape }: Drawing): boolean {
  return caption.includes(`${color} ${shape}`)
}

/** Writes a clip of drawings one after the other, each shown for `seconds`. `options` for ffmpeg stand before the file. */
export async function drawClip(
  path: string,
  drawings: readonly Drawing[],
  seconds: number,
  options: readonly string[] = ['-c:v', 'mpeg4', '-q:v', '3'],
): Promise<void> {
  const pictures = drawings.map((_, i) => `${path}.${i}.png`)
  try {
    for (const [i, drawing] of drawings.entries()) await drawPicture(pictures[i]!, drawing)
    const inputs = pictures.flatMap((picture) => [
      '-loop',
      '1',
      '-framerate',
      String(RATE),
      '-t',
      String(seconds),
      '-i',
      picture,
    ])
    const moved = drawings
      .map((_, i) => `[${i}]crop=${WIDTH}:${HEIGHT}:x='${MARGIN}*t/${seconds}':y=0[v${i}]`)
      .join(';')
    const joined = `${drawings.map((_, i) => `[v${i}]`).join('')}concat=n=${drawings.length},format=yuv420p`
    const filter = `${moved};${joined}`
    await run('ffmpeg', [
      '-v',
      'error',
      '-nostdin',
      '-y',
      ...inputs,
      '-filter_complex',
      filter,
      ...options,
      path,
    ])
  } finally {
    for (const picture of pictures) await rm(picture, { force: true })
  }
}

/** The picture, wider than a clip by the way that it moves. */
export async function drawPicture(path: string, { color, shape }: Drawing): Promise<void> {
  const fill = COLORS[color]
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH + MARGIN}" height="${HEIGHT}">` +
    '<rect width="100%" height="100%" fill="#f5f5f3"/>' +
    `<g transform="translate(${(WIDTH + MARGIN) / 2} ${HEIGHT / 2}) scale(60)" fill="${fill}">${SHAPES[shape]}</g></svg>`
  await writeFile(path, await sharp(Buffer.from(svg)).png().toBuffer())
}

/**
 * So many mp4 files `000000.mp4`, … in the folder, file n showing drawing n modulo their number. Each drawing is encoded once; an
 * empty box of its own behind it makes every file unlike all others, so that no cache knows it.
 */
export async function drawManyClips(folder: string, count: number, seconds: number): Promise<void> {
  const encoded: Buffer[] = []
  for (const [i, drawing] of DRAWINGS.slice(0, count).entries()) {
    const path = join(folder, `encoded-${i}.mp4`)
    await drawClip(path, [drawing], seconds)
    encoded.push(await readFile(path))
    await rm(path)
  }
  for (let n = 0; n < count; n++) {
    const box = Buffer.alloc(16)
    box.writeUInt32BE(box.length)
    box.write('free', 4)
    box.writeBigUInt64BE(BigInt(n), 8)
    await writeFile(join(folder, clipName(n)), Buffer.concat([encoded[n % encoded.length]!, box]))
  }
}

export const clipName = (n: number): string => `${String(n).padStart(6, '0')}.mp4`
