/**
 * Weights of cross-attention → when each token was said: `_extract_token_timestamps` of transformers, with its order of ties and
 * its precision.
 */
import type { AlignmentHead, SpeechAlignment } from '../../models/whisper/alignment.ts'
import { TIMESTAMP_SECONDS } from './segments.ts'

/** Frames of log-mel that a position of the encoder has. */
const FRAMES_PER_POSITION = 2

/**
 * Seconds from the beginning of the window at which each of `count` tokens ends, not falling. `weightsOf` gives what the tokens
 * that were read looked at, `[read, positions]`: all, or all but the last of an answer that was cut short, which ends with the one
 * before it. `frames` of log-mel are sound; nothing is looked for behind them.
 */
export async function tokenTimes(
  { heads, filterWidth }: SpeechAlignment,
  weightsOf: (head: AlignmentHead) => Promise<Float32Array>,
  {
    count,
    read,
    positions,
    frames,
  }: { count: number; read: number; positions: number; frames: number },
): Promise<number[]> {
  if (read === 0) return new Array(count).fill(0)
  const columns = Math.max(1, Math.min(positions, Math.floor(frames / FRAMES_PER_POSITION)))
  const sum = new Float32Array(read * columns)
  // One head after the other: all at once would be tens of megabytes.
  for (const head of heads) {
    const weights = cropped(await weightsOf(head), positions, columns)
    standardize(weights, columns)
    for (let row = 0; row < read; row++)
      addMedians(
        sum,
        weights.subarray(row * columns, (row + 1) * columns),
        row * columns,
        filterWidth,
      )
  }
  const ends = warp(
    sum.map((value) => -value / heads.length),
    columns,
  )
  return Array.from({ length: count }, (_, i) => ends[Math.min(i, read - 1)]! * TIMESTAMP_SECONDS)
}

/** The first `columns` of each row of `width`. */
function cropped(values: Float32Array, width: number, columns: number): Float32Array {
  const rows = values.length / width
  const kept = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++)
    kept.set(values.subarray(row * width, row * width + columns), row * columns)
  return kept
}

/** Each column to mean 0 and deviation 1, in place: a frame that every token looks at says nothing about any. */
export function standardize(values: Float32Array, columns: number): void {
  const rows = values.length / columns
  const means = new Float64Array(columns)
  const deviations = new Float64Array(columns)
  // Row by row, as they lie in memory: values of a column are kilobytes apart.
  for (let row = 0; row < values.length; row += columns)
    for (let i = 0; i < columns; i++) means[i]! += values[row + i]! / rows
  for (let row = 0; row < values.length; row += columns)
    for (let i = 0; i < columns; i++) deviations[i]! += (values[row + i]! - means[i]!) ** 2 / rows
  for (let i = 0; i < columns; i++) deviations[i] = Math.sqrt(deviations[i]!)
  for (let row = 0; row < values.length; row += columns) {
    for (let i = 0; i < columns; i++) {
      const distance = values[row + i]! - means[i]!
      // Of a single token there is none; the published code divides by it, and dates that token before the sound.
      values[row + i] = deviations[i] === 0 ? 0 : distance / deviations[i]!
    }
  }
}

/**
 * Adds to `sum`, from `at` on, the median of the `width` values around each of `row`, mirrored at both ends. A row of half a width
 * stays as it is.
 */
export function addMedians(sum: Float32Array, row: Float32Array, at: number, width: number): void {
  const half = (width - 1) / 2
  const { length } = row
  if (length <= half) {
    for (let i = 0; i < length; i++) sum[at + i]! += row[i]!
    return
  }
  const mirrored = new Float32Array(length + 2 * half)
  mirrored.set(row, half)
  for (let i = 1; i <= half; i++) {
    mirrored[half - i] = row[i]!
    mirrored[half + length - 1 + i] = row[length - 1 - i]!
  }
  const sorted = mirrored.slice(0, width).sort()
  sum[at]! += sorted[half]!
  for (let i = 1; i < length; i++) {
    // The one that leaves makes room for the one that comes; all between them move by one.
    const old = mirrored[i - 1]!
    const next = mirrored[i + width - 1]!
    let place = 0
    // Of a model that has gone wrong, what leaves may be no number, and is not found.
    while (place < width - 1 && sorted[place] !== old) place += 1
    for (; place + 1 < width && sorted[place + 1]! < next; place++)
      sorted[place] = sorted[place + 1]!
    for (; place > 0 && sorted[place - 1]! > next; place--) sorted[place] = sorted[place - 1]!
    sorted[place] = next
    sum[at + i]! += sorted[half]!
  }
}

const BOTH = 0
const DOWN = 1
const ALONG = 2

/**
 * Dynamic time warping: of the paths through `cost` [rows, columns] from the first cell to the last, a step down, along or both at
 * once, one that costs least; the first column of each row on it. Where ways cost the same, the one along is taken, as the published code does.
 */
export function warp(cost: Float32Array, columns: number): Int32Array {
  const rows = cost.length / columns
  const steps = new Uint8Array(cost.length)
  /** Of the row above and of this one, with a place in front; rounded as the published code's are. */
  let above = new Float32Array(columns + 1).fill(Number.POSITIVE_INFINITY)
  let here = new Float32Array(columns + 1)
  above[0] = 0
  for (let row = 0; row < rows; row++) {
    here[0] = Number.POSITIVE_INFINITY
    for (let column = 0; column < columns; column++) {
      const both = above[column]!
      const down = above[column + 1]!
      const along = here[column]!
      const step = both < down && both < along ? BOTH : down < both && down < along ? DOWN : ALONG
      const before = step === BOTH ? both : step === DOWN ? down : along
      steps[row * columns + column] = step
      here[column + 1] = cost[row * columns + column]! + before
    }
    const spare = above
    above = here
    here = spare
  }
  const firsts = new Int32Array(rows)
  for (let row = rows - 1, column = columns - 1; row >= 0; ) {
    firsts[row] = column
    const step = steps[row * columns + column]
    if (step !== ALONG) row -= 1
    if (step !== DOWN) column -= 1
  }
  return firsts
}
