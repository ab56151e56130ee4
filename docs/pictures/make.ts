/** Draws the example pictures of this folder, a sound, and with ffmpeg a clip: `node docs/pictures/make.ts`. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import opentype from 'opentype.js'
import sharp from 'sharp'

const RED = '#dc2323'
const GREEN = '#28a53c'
const BLUE = '#284bd7'
const YELLOW = '#f5dc28'
const ORANGE = '#f58c19'
const PURPLE = '#8c32af'
const BLACK = '#141416'
const DARK_BLUE = '#192350'
const BEIGE = '#e1cdaf'
const PINK = '#f0b9c8'

/** File → width, height, what lies on it. */
const PICTURES: Readonly<Record<string, readonly [width: number, height: number, svg: string]>> = {
  'red-circle-blue-square.png': [
    640,
    480,
    ground('#f5f5f3') +
      `<circle cx="190" cy="250" r="115" fill="${RED}"/>` +
      `<rect x="385" y="175" width="145" height="145" fill="${BLUE}" transform="rotate(6 457 247)"/>`,
  ],
  'three-stars.jpg': [
    900,
    400,
    ground(DARK_BLUE) + star(160, 220, 100, 0) + star(450, 170, 105, 12) + star(740, 230, 98, -9),
  ],
  'house-tree-car.jpg': [
    640,
    480,
    '<linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#9fc4e4"/>' +
      '<stop offset="1" stop-color="#bcd9f0"/></linearGradient>' +
      ground('url(#sky)') +
      house(170, 150, 72) +
      tree(480, 170, 118) +
      car(330, 380, 76),
  ],
  'purple-heart.png': [480, 640, ground(PINK) + heart(240, 330, 120)],
  'number-42.png': [640, 480, ground('#c9c9cd') + letters('42', 320, 300, 180, BLACK)],
  'word-cafe.png': [900, 400, ground(BEIGE) + letters('CAFE', 450, 270, 220, BLUE)],
}

for (const [name, [width, height, content]] of Object.entries(PICTURES)) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${content}</svg>`
  const image = sharp(Buffer.from(svg)).removeAlpha()
  const encoded = name.endsWith('.png')
    ? image.png({ palette: false })
    : image.jpeg({ quality: 88 })
  await encoded.toFile(new URL(name, import.meta.url).pathname)
}

writeFileSync(new URL('rising-tone.wav', import.meta.url), wav(sweep(1.2, 380, 1250)))
drawClip(new URL('circle-then-square.mp4', import.meta.url).pathname)

/** A tone from one pitch to another, in Hz, with some of its overtone; 16-bit at 16 kHz, between silences. */
function sweep(seconds: number, from: number, to: number): Int16Array {
  const [rate, silence] = [16_000, 1600]
  const length = Math.round(seconds * rate)
  const samples = new Int16Array(length + 2 * silence)
  let phase = 0
  for (let i = 0; i < length; i++) {
    phase += (2 * Math.PI * from * (to / from) ** (i / length)) / rate
    const edge = Math.min(1, i / 160, (length - i) / 160)
    samples[silence + i] = 5000 * edge * (Math.sin(phase) + 0.25 * Math.sin(2 * phase))
  }
  return samples
}

function wav(samples: Int16Array): Buffer {
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + samples.byteLength, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16) // of what follows: PCM, one channel
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(16_000, 24)
  head.writeUInt32LE(32_000, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(samples.byteLength, 40)
  return Buffer.concat([head, Buffer.from(samples.buffer)])
}

/** Two seconds of a red circle, then two of a blue square. */
function drawClip(path: string): void {
  const inside = 'lt(hypot(X-120,Y-120),68)'
  const red = `geq=r='if(${inside},220,245)':g='if(${inside},35,245)':b='if(${inside},35,243)'`
  const ground = 'color=c=0xf5f5f3:s=240x240:r=10:d=2'
  const square = `${ground},drawbox=x=62:y=62:w=116:h=116:color=0x284bd7:t=fill`
  execFileSync('ffmpeg', [
    ...['-v', 'error', '-nostdin', '-y', '-f', 'lavfi', '-i', `${ground},${red}`],
    ...['-f', 'lavfi', '-i', square],
    ...['-filter_complex', '[0:v][1:v]concat=n=2:v=1[v]', '-map', '[v]', '-c:v', 'libx264'],
    ...['-preset', 'veryslow', '-crf', '23', '-pix_fmt', 'yuv420p', '-g', '10', '-bitexact'],
    ...['-movflags', '+faststart', path],
  ])
}

function ground(fill: string): string {
  return `<rect width="100%" height="100%" fill="${fill}"/>`
}

function star(x: number, y: number, r: number, turn: number): string {
  const points = Array.from({ length: 10 }, (_, i) => {
    const angle = (Math.PI * i) / 5 - Math.PI / 2
    const radius = i % 2 === 0 ? r : r * 0.45
    return `${x + radius * Math.cos(angle)},${y + radius * Math.sin(angle)}`
  })
  return `<polygon points="${points.join(' ')}" fill="${YELLOW}" transform="rotate(${turn} ${x} ${y})"/>`
}

/** A wall with door and window under a wider roof; `r` is half its height. */
function house(x: number, y: number, r: number): string {
  return (
    `<g transform="translate(${x} ${y}) scale(${r})" fill="${RED}">` +
    '<path d="M-1.05 -.15 0 -1 1.05 -.15z"/><path d="M-.8 -.2h1.6V1h-1.6z"/>' +
    '<path d="M-.5 1V.3h.4V1zM.2 .2h.4v.4h-.4z" fill="#f4e6d8"/></g>'
  )
}

/** Three tiers on a trunk. */
function tree(x: number, y: number, r: number): string {
  return (
    `<g transform="translate(${x} ${y}) scale(${r})" fill="${GREEN}">` +
    '<path d="M-.12 .6h.24V1h-.24z" fill="#7a4a22"/>' +
    '<path d="M0 -1 .42 -.4h-.84zM0 -.62 .58 .12h-1.16zM0 -.15 .72 .66h-1.44z"/></g>'
  )
}

/** A body with a cabin on two wheels; `r` is half its length. */
function car(x: number, y: number, r: number): string {
  return (
    `<g transform="translate(${x} ${y}) scale(${r})" fill="${ORANGE}">` +
    '<path d="M-1 .25V-.02Q-1 -.12 -.85 -.14L-.6 -.18-.35 -.5h.7L.65 -.16.9 -.1Q1 -.06 1 .05V.25z"/>' +
    '<path d="M-.45 -.2-.27 -.42h.2v.22zM.03 -.2v-.22h.24L.47 -.2z" fill="#e9f2fa"/>' +
    '<circle cx="-.55" cy=".27" r=".2" fill="#222"/><circle cx=".55" cy=".27" r=".2" fill="#222"/></g>'
  )
}

function heart(x: number, y: number, r: number): string {
  return (
    `<path transform="translate(${x} ${y}) scale(${r})" fill="${PURPLE}" ` +
    'd="M0 .95C-.5 .55-1 .15-1-.35-1-.75-.7-.95-.45-.95-.2-.95-.05-.75 0-.6.05-.75.2-.95.45-.95.7-.95 1-.75 1-.35 1 .15.5 .55 0 .95z"/>'
  )
}

/** Outlines, so that the picture does not depend on installed fonts; centred on x, baseline at y. */
function letters(text: string, x: number, y: number, size: number, fill: string): string {
  const file = new URL(
    '../../models/starter/eval/fonts/fira-sans-latin-700-normal.woff',
    import.meta.url,
  )
  const bytes = readFileSync(file)
  const font = opentype.parse(new Uint8Array(bytes).buffer)
  const path = font.getPath(text, x - font.getAdvanceWidth(text, size) / 2, y, size)
  return `<path d="${path.toPathData(2)}" fill="${fill}"/>`
}
