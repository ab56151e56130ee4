/**
 * Resizing as Pillow ≤ 12 does it, bit for bit: the published processors resize with Pillow, and towers see the difference.
 * Horizontal pass first, then vertical; weights in 22-bit fixed point; rounding and clamping to 8 bits after each pass.
 * Written after the description of convolution resampling in Pillow's documentation and checked against its output.
 */
import { PLAIN, type Resizers, type RowResizer } from './resample-plain.ts'
import { SIMD } from './resample-simd.ts'
import { type Kernel, type Stretch, type Taps, taps, tapsOf } from './resample-taps.ts'

/** 8-bit RGB, rows from the top, `[height, width, 3]`. */
export interface Picture {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
}

/** A larger ground of one colour on which a picture lies; it is never built in memory. */
export interface Canvas {
  readonly width: number
  readonly height: number
  readonly left: number
  readonly top: number
  readonly color: readonly [number, number, number]
}

/** A part of a result, in its pixels. */
export interface Window {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export interface ResizeOptions {
  readonly kernel: Kernel
  readonly canvas?: Canvas
  /** What of the result is wanted; the rest is not computed. Absent: all of it. */
  readonly window?: Window
  /** What computes the passes; by default the fastest that this machine has. All give the same bytes. */
  readonly by?: Resizers
}

/**
 * Resizes a picture, or the canvas it lies on, to `width`×`height`. A pass that would change nothing is left out.
 * Pillow turns the order of the passes round for strips over a hundred times as tall as wide, and so does this.
 */
export function resize(
  picture: Picture,
  width: number,
  height: number,
  options: ResizeOptions,
): Picture {
  const { kernel, canvas = bare(picture), by = SIMD ?? PLAIN } = options
  const { window = { left: 0, top: 0, width, height } } = options
  const across = passTaps(canvas.width, width, { start: window.left, length: window.width }, kernel)
  const down = passTaps(canvas.height, height, { start: window.top, length: window.height }, kernel)
  const result = { width: window.width, height: window.height }
  if (picture.height > picture.width * 100 && height < picture.height && !options.canvas) {
    const columns = by.columns(picture.width, picture.height, down!)
    columns.input.set(picture.data)
    const strip = { data: columns.resize(), width: picture.width, height: window.height }
    const data = new Uint8Array(window.height * window.width * 3)
    horizontalPass(strip, bare(strip), data, rowResizer(by, strip.width, across))
    return { data, ...result }
  }
  const columns = down && by.columns(window.width, canvas.height, down)
  const rows = columns?.input ?? new Uint8Array(window.height * window.width * 3)
  horizontalPass(picture, canvas, rows, rowResizer(by, canvas.width, across))
  return { data: columns?.resize() ?? rows, ...result }
}

/** Undefined for a pass that would change nothing. */
function passTaps(from: number, to: number, wanted: Stretch, kernel: Kernel): Taps | undefined {
  if (from === to && wanted.length === to) return undefined
  const all = taps(from, to, kernel)
  return wanted.length === to ? all : tapsOf(all, wanted)
}

function rowResizer(by: Resizers, from: number, across: Taps | undefined): RowResizer {
  return across ? by.rows(from, across) : copyRow(from)
}

/** Rows of the picture on its canvas, resized, into `out`: `[canvas.height, width, 3]`. */
function horizontalPass(
  picture: Picture,
  canvas: Canvas,
  out: Uint8Array,
  { batch, input, resize }: RowResizer,
): void {
  const outBytes = out.length / canvas.height
  const { height, width } = picture
  for (let i = 0; i < input.length; i++) input[i] = canvas.color[i % 3]!
  if (height < canvas.height) {
    // Every row of pure ground resizes to the same bytes.
    const ground = new Uint8Array(outBytes)
    resize(1, ground, 0)
    for (let y = 0; y < canvas.height; y++) {
      if (y < canvas.top || y >= canvas.top + height) out.set(ground, y * outBytes)
    }
  }
  // Rows of the canvas's width are one piece; others go one by one on the ground that is there already.
  const piece = width === canvas.width ? batch : 1
  for (let y = 0; y < height; y += batch) {
    const rows = Math.min(batch, height - y)
    for (let row = 0; row < rows; row += piece) {
      const end = Math.min(y + row + piece, height)
      const pixels = picture.data.subarray((y + row) * width * 3, end * width * 3)
      input.set(pixels, (row * canvas.width + canvas.left) * 3)
    }
    resize(rows, out, (canvas.top + y) * outBytes)
  }
}

function copyRow(width: number): RowResizer {
  const input = new Uint8Array(width * 3)
  return { batch: 1, input, resize: (_rows, target, to) => target.set(input, to) }
}

function bare({ width, height }: Picture): Canvas {
  return { width, height, left: 0, top: 0, color: [0, 0, 0] }
}
