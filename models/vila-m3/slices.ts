/** What VILA-M3 is shown of a volume: one slice as a grey picture, and labels over it (`m3/demo/experts/utils.py`). */
import type { LabelColours } from './conversation.ts'

export interface Volume {
  /** Voxels along the three axes. */
  readonly shape: readonly [number, number, number]
  /** The first axis runs fastest. */
  readonly values: Float32Array
  /** Rows of voxel indices → millimetres to the right, to the front and up; 3 × 4. */
  readonly affine: readonly (readonly number[])[]
}

/** `[height, width]` bytes. */
export interface GreySlice {
  readonly height: number
  readonly width: number
  readonly data: Uint8Array
}

/** Axes turned and flipped so that indices grow to the right, to the front and up; nothing is interpolated. */
export function toRas({ shape, values, affine }: Volume): Volume {
  const axes = nearestAxes(affine)
  const steps = [1, shape[0], shape[0] * shape[1]]
  // Per axis of the result: how far one step goes in the values, and where it starts.
  const outputs = [0, 1, 2].map((out) => {
    const from = axes.findIndex(({ to }) => to === out)
    const { flipped } = axes[from]!
    const length = shape[from]!
    return flipped
      ? { length, step: -steps[from]!, start: (length - 1) * steps[from]!, from }
      : { length, step: steps[from]!, start: 0, from }
  })
  const [x, y, z] = outputs as [(typeof outputs)[0], (typeof outputs)[0], (typeof outputs)[0]]
  const turned = new Float32Array(values.length)
  let at = 0
  for (let k = 0; k < z.length; k++) {
    for (let j = 0; j < y.length; j++) {
      let place = x.start + y.start + z.start + j * y.step + k * z.step
      for (let i = 0; i < x.length; i++, place += x.step) turned[at++] = values[place]!
    }
  }
  const sign = (from: number) => (axes[from]!.flipped ? -1 : 1)
  const rows = affine.map((row) => [
    ...outputs.map(({ from }) => sign(from) * row[from]!),
    outputs.reduce(
      (sum, { from, length }) => sum + (axes[from]!.flipped ? row[from]! * (length - 1) : 0),
      row[3]!,
    ),
  ])
  return { shape: [x.length, y.length, z.length], values: turned, affine: rows }
}

/** For each axis of a volume the direction that it runs along most nearly, each direction once, the clearest first. */
function nearestAxes(affine: Volume['affine']): { to: number; flipped: boolean }[] {
  const cosines = [0, 1, 2].map((axis) => {
    const column = affine.map((row) => row[axis]!)
    const length = Math.hypot(...column) || 1
    return column.map((value) => value / length)
  })
  const clearest = [0, 1, 2].sort((a, b) => largest(cosines[b]!) - largest(cosines[a]!))
  const taken = new Set<number>()
  const axes: { to: number; flipped: boolean }[] = []
  for (const axis of clearest) {
    const free = [0, 1, 2].filter((direction) => !taken.has(direction))
    const to = free.reduce((best, direction) =>
      Math.abs(cosines[axis]![direction]!) > Math.abs(cosines[axis]![best]!) ? direction : best,
    )
    taken.add(to)
    axes[axis] = { to, flipped: cosines[axis]![to]! < 0 }
  }
  return axes
}

function largest(values: readonly number[]): number {
  return Math.max(...values.map(Math.abs))
}

/** Hounsfield units that become black and white, whatever the organ. */
const CT_WINDOW = [-150, 250] as const

/** Values 0…255 in 32-bit steps: CT by its window, MRI by the least and the greatest value of the volume. */
export function windowed(volume: Volume, modality: 'CT' | 'MRI'): Volume {
  const { fround } = Math
  const [low, high] = modality === 'CT' ? CT_WINDOW : extent(volume.values)
  const range = fround(high - low)
  const values = volume.values.map((value) => {
    if (range === 0) return 0
    const scaled = fround(fround(fround(value - low) / range) * 255)
    return modality === 'CT' ? Math.min(255, Math.max(0, scaled)) : scaled
  })
  return { ...volume, values }
}

function extent(values: Float32Array): readonly [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  return [low, high]
}

/**
 * Slice `index` across `axis`, cut to bytes, turned as radiologists look at it: the first row is in front, the first column on
 * the patient's right. Absent, it is half of the third axis' length; a negative one counts from the end. Throws a RangeError
 * for one that is not there.
 */
export function slicePicture({ shape, values }: Volume, index?: number, axis = 2): GreySlice {
  const wanted = index ?? Math.floor(shape[2] / 2)
  const depth = shape[axis]!
  const at = wanted < 0 ? depth + wanted : wanted
  if (!Number.isInteger(at) || at < 0 || at >= depth)
    throw new RangeError(`slice ${wanted} of ${depth}`)
  const steps = [1, shape[0], shape[0] * shape[1]]
  const [across, down] = [0, 1, 2].filter((other) => other !== axis) as [number, number]
  const [width, height] = [shape[across]!, shape[down]!]
  const data = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const place = at * steps[axis]! + x * steps[across]! + y * steps[down]!
      data[(height - 1 - y) * width + (width - 1 - x)] = Math.trunc(values[place]!)
    }
  }
  return { height, width, data }
}

type Rgb = readonly [number, number, number]

/** Names and colours, in the order in which labels get them; after the last comes the first (`skimage.color.rgb_colors`). */
const COLOURS: readonly (readonly [string, Rgb])[] = [
  ['red', [1, 0, 0]],
  ['blue', [0, 0, 1]],
  ['yellow', [1, 1, 0]],
  ['magenta', [1, 0, 1]],
  ['green', [0, 0.502, 0]],
  ['indigo', [0.294, 0, 0.51]],
  ['darkorange', [1, 0.549, 0]],
  ['cyan', [0, 1, 1]],
  ['pink', [1, 0.753, 0.796]],
  ['brown', [0.647, 0.165, 0.165]],
  ['orange', [1, 0.647, 0]],
  ['lime', [0, 1, 0]],
  ['orange', [1, 0.647, 0]],
  ['gold', [1, 0.843, 0]],
  ['yellowgreen', [0.604, 0.804, 0.196]],
  ['darkgreen', [0, 0.392, 0]],
]

const BACKGROUND = 0
const BLACK: Rgb = [0, 0, 0]
/** Share of a label's colour, black for the background, in a pixel. */
const ALPHA = 0.3

/** Colours go by the rank of a label among those that this slice has. */
export function labelColours(labels: GreySlice): LabelColours {
  return new Map(ranked(labels).map((label, rank) => [label, COLOURS[rank % COLOURS.length]![0]]))
}

/** `[height, width, 3]` bytes: labels over the picture of the same slice. */
export function overlay({ data }: GreySlice, labels: GreySlice): Uint8Array {
  const colours = new Map<number, Rgb>([
    ...ranked(labels).map((label, rank) => [label, COLOURS[rank % COLOURS.length]![1]] as const),
    [BACKGROUND, BLACK],
  ])
  const mixed = new Uint8Array(data.length * 3)
  for (let i = 0; i < data.length; i++) {
    const colour = colours.get(labels.data[i]!)!
    const grey = data[i]! * (1 / 255)
    for (let c = 0; c < 3; c++)
      mixed[i * 3 + c] = Math.trunc((colour[c]! * ALPHA + grey * (1 - ALPHA)) * 255)
  }
  return mixed
}

function ranked({ data }: GreySlice): number[] {
  return [...new Set(data)].filter((label) => label !== BACKGROUND).sort((a, b) => a - b)
}
