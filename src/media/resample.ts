/**
 * Resizing as Pillow ≤ 12 does it, bit for bit: the published processors resize with Pillow, and towers see the difference.
 * Horizontal pass first, then vertical; weights in 22-bit fixed point; rounding and clamping to 8 bits after each pass.
 * Written after the description of convolution resampling in Pillow's documentation and checked against its output.
 * Numeric leaf: indices are in range by construction, so typed arrays are read with `!`.
 */
import { type RowResizer, type RowTaps, simdRowResizer, WEIGHT_BITS } from './resample-simd.ts'

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

export type Kernel = 'bicubic' | 'bilinear' | 'lanczos'

interface Filter {
  /** Half width at scale 1. */
  readonly support: number
  readonly at: (x: number) => number
}

const A = -0.5

const FILTERS: Readonly<Record<Kernel, Filter>> = {
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    at: (x) => {
      const d = Math.abs(x)
      if (d < 1) return ((A + 2) * d - (A + 3)) * d * d + 1
      if (d < 2) return (((d - 5) * d + 8) * d - 4) * A
      return 0
    },
  },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

function sinc(x: number): number {
  if (x === 0) return 1
  return Math.sin(x * Math.PI) / (x * Math.PI)
}

const HALF = 1 << (WEIGHT_BITS - 1)

function taps(from: number, to: number, filter: Filter): RowTaps {
  const scale = from / to
  const spread = Math.max(1, scale)
  const support = filter.support * spread
  const stride = Math.ceil(support) * 2 + 1
  const first = new Int32Array(to)
  const count = new Int32Array(to)
  const weights = new Int32Array(to * stride)
  const exact = new Float64Array(stride)
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale
    const low = Math.max(0, Math.trunc(centre - support + 0.5))
    const n = Math.min(from, Math.trunc(centre + support + 0.5)) - low
    let sum = 0
    for (let t = 0; t < n; t++) {
      exact[t] = filter.at((t + low - centre + 0.5) * (1 / spread))
      sum += exact[t]!
    }
    for (let t = 0; t < n; t++) {
      const w = (sum === 0 ? exact[t]! : exact[t]! / sum) * (1 << WEIGHT_BITS)
      weights[i * stride + t] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5)
    }
    first[i] = low
    count[i] = n
  }
  return { first, count, weights, stride }
}

/** The plain form of `resample-simd.ts`, for machines without SIMD and to test it against. */
export function plainRowResizer({ first, count, weights, stride }: RowTaps): RowResizer {
  return (source, at, target, to) => {
    for (let i = 0; i < first.length; i++) {
      let p = at + first[i]! * 3
      let r = HALF
      let g = HALF
      let b = HALF
      const end = i * stride + count[i]!
      for (let k = i * stride; k < end; k++, p += 3) {
        const w = weights[k]!
        r = (r + Math.imul(source[p]!, w)) | 0
        g = (g + Math.imul(source[p + 1]!, w)) | 0
        b = (b + Math.imul(source[p + 2]!, w)) | 0
      }
      const o = to + i * 3
      target[o] = r >> WEIGHT_BITS
      target[o + 1] = g >> WEIGHT_BITS
      target[o + 2] = b >> WEIGHT_BITS
    }
  }
}

function rowResizer(from: number, to: number, filter: Filter): RowResizer {
  const x = taps(from, to, filter)
  return simdRowResizer(from, x) ?? plainRowResizer(x)
}

/** Rows of the picture on its canvas, each resized to `width`: `[canvas.height, width, 3]`. */
function horizontalPass(
  picture: Picture,
  canvas: Canvas,
  width: number,
  filter: Filter,
): Uint8Array {
  const resizeRow = width === canvas.width ? undefined : rowResizer(canvas.width, width, filter)
  const out = new Uint8ClampedArray(canvas.height * width * 3)
  const put = (row: Uint8Array, at: number, to: number) => {
    if (resizeRow) resizeRow(row, at, out, to)
    else out.set(row.subarray(at, at + width * 3), to)
  }
  const ground = new Uint8Array(canvas.width * 3)
  for (let i = 0; i < ground.length; i++) ground[i] = canvas.color[i % 3]!
  // Every row of pure ground resizes to the same bytes, so one is computed and the others are copies.
  let groundRow: number | undefined
  const row = ground.slice()
  const spansCanvas = picture.width === canvas.width
  for (let y = 0; y < canvas.height; y++) {
    const to = y * width * 3
    const from = (y - canvas.top) * picture.width * 3
    if (y < canvas.top || y >= canvas.top + picture.height) {
      if (groundRow === undefined) put(ground, 0, to)
      else out.copyWithin(to, groundRow, groundRow + width * 3)
      groundRow ??= to
    } else if (spansCanvas) {
      put(picture.data, from, to)
    } else {
      row.set(picture.data.subarray(from, from + picture.width * 3), canvas.left * 3)
      put(row, 0, to)
    }
  }
  return new Uint8Array(out.buffer)
}

/** `[from, width, 3]` → `[to, width, 3]`. */
function verticalPass(
  rows: Uint8Array,
  width: number,
  from: number,
  to: number,
  filter: Filter,
): Uint8Array {
  const { first, count, weights, stride } = taps(from, to, filter)
  const length = width * 3
  const out = new Uint8ClampedArray(to * length)
  const sums = new Int32Array(length)
  for (let i = 0; i < to; i++) {
    sums.fill(HALF)
    for (let t = 0; t < count[i]!; t++) {
      const w = weights[i * stride + t]!
      const at = (first[i]! + t) * length
      for (let c = 0; c < length; c++) sums[c] = sums[c]! + Math.imul(rows[at + c]!, w)
    }
    for (let c = 0; c < length; c++) out[i * length + c] = sums[c]! >> WEIGHT_BITS
  }
  return new Uint8Array(out.buffer)
}

/**
 * Resizes a picture, or the canvas it lies on, to `width`×`height`. A pass that would change nothing is left out.
 * Pillow turns the order of the passes round for strips over a hundred times as tall as wide, and so does this.
 */
export function resize(
  picture: Picture,
  width: number,
  height: number,
  options: { readonly kernel: Kernel; readonly canvas?: Canvas },
): Picture {
  const filter = FILTERS[options.kernel]
  const canvas = options.canvas ?? bare(picture)
  if (picture.height > picture.width * 100 && height < picture.height && !options.canvas) {
    const rows = verticalPass(picture.data, picture.width, picture.height, height, filter)
    const strip = { data: rows, width: picture.width, height }
    return { data: horizontalPass(strip, bare(strip), width, filter), width, height }
  }
  const rows = horizontalPass(picture, canvas, width, filter)
  const data =
    height === canvas.height ? rows : verticalPass(rows, width, canvas.height, height, filter)
  return { data, width, height }
}

function bare({ width, height }: Picture): Canvas {
  return { width, height, left: 0, top: 0, color: [0, 0, 0] }
}
