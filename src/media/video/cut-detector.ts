/**
 * Hard cuts in a sequence of small pictures. Pure.
 *
 * Usual detectors hold the mean change of all pixels against a bound (ffmpeg's `scdet`, PySceneDetect's ContentDetector) or against that of
 * the neighbouring frames (its AdaptiveDetector): what changes on a tenth of the picture stays below any bound that motion does not pass.
 * Here it is asked how much of what is to be seen is new, as by the edge change ratio of Zabih, Miller and Mai (1995), but of blocks, so that a
 * red square that turns blue counts: a block is new when nothing near it in the picture before looked like it, and when that happens to
 * it seldom. Empty ground that stays empty says nothing, however large it is.
 */

export const CUT_WIDTH = 96
export const CUT_HEIGHT = 72
/** Bytes of a picture: its planes Y, U and V, one after another, of full size each. */
export const CUT_BYTES = 3 * CUT_WIDTH * CUT_HEIGHT

const AREA = CUT_WIDTH * CUT_HEIGHT
const BLOCK = 6
const COLUMNS = CUT_WIDTH / BLOCK
const BLOCKS = COLUMNS * (CUT_HEIGHT / BLOCK)
/** Pixels by which a block may have moved from one frame to the next. */
const REACH = 6
/** Mean difference of a pixel, of 255 in each plane added up, from which a block is another one. */
const LEAST_CHANGE = 8
/** As often as its own usual change. */
const ISOLATION = 3
/** Below this a block is found, and nobody looks on for a better one. */
const LIKE = LEAST_CHANGE / 4
/** As many blocks as in the frames around. */
const PROMINENCE = 2
/** Mean deviation of a pixel from its block's mean, from which there is something to be seen in a block. */
const LEAST_TEXTURE = 4
/** Of what is to be seen, how much is new behind a cut. */
const LEAST_SHARE = 0.5
/** Of all blocks: less is a cursor that blinks. */
const LEAST_AREA = 0.015
/** Of the blocks that were new, how many stay so; fewer: it was a flash, and what was before is back. */
const LEAST_KEPT = 0.5
/** Seconds on each side of a frame that say what is usual. */
const WINDOW_SECONDS = 0.4
const MOST_NEIGHBOURS = 12

/** Where a block may have come from, the nearest first. */
const PLACES = Array.from(
  { length: (2 * REACH + 1) ** 2 },
  (_, i) => [(i % (2 * REACH + 1)) - REACH, Math.floor(i / (2 * REACH + 1)) - REACH] as const,
).sort(([ax, ay], [bx, by]) => Math.hypot(ax, ay) - Math.hypot(bx, by))

export interface Cut {
  /** Of the first frame of the new scene. */
  readonly time: number
  /** Blocks that are new, 0…1 of those in which something is to be seen. */
  readonly share: number
}

interface Seen {
  readonly time: number
  readonly planes: Uint8Array
  /** Of each block: how much it differs from whatever is like it in the frame before, and the reverse, whichever is more. */
  readonly change: Float32Array
  readonly texture: Float32Array
}

/** Frames on each side of one that decide with it whether it is a cut. */
export function neighboursAt(fps: number): number {
  return Math.min(MOST_NEIGHBOURS, Math.max(2, Math.round(fps * WINDOW_SECONDS)))
}

/** Frames are given in order; a cut is known some frames later. */
export class CutDetector {
  readonly #neighbours: number
  readonly #onCut: (cut: Cut) => void
  /** At most `2 · neighbours + 2`, the oldest first. */
  readonly #seen: Seen[] = []
  /** Index in `#seen` of the next frame to decide about. */
  #next = 1
  /** Number of that frame, and of the last one that was a cut. */
  #frame = 1
  #last = Number.NEGATIVE_INFINITY

  constructor(fps: number, onCut: (cut: Cut) => void) {
    this.#neighbours = neighboursAt(fps)
    this.#onCut = onCut
  }

  /** `planes` are kept for some frames, and not changed. */
  push(time: number, planes: Uint8Array): void {
    const before = this.#seen.at(-1)
    this.#seen.push({
      time,
      planes,
      change: before ? changeOf(before.planes, planes) : new Float32Array(BLOCKS),
      texture: textureOf(planes),
    })
    if (this.#seen.length > this.#next + this.#neighbours) this.#decide()
  }

  /** Decides about the last frames. */
  end(): void {
    while (this.#next < this.#seen.length) this.#decide()
  }

  #decide(): void {
    const at = this.#next
    const cut = this.#cutAt(at)
    // Where one frame mixes two scenes both its sides are cuts.
    const isAlone = this.#frame - this.#last > 1
    if (cut && isAlone) this.#onCut(cut)
    if (cut) this.#last = this.#frame
    this.#frame += 1
    this.#next += 1
    if (this.#next <= this.#neighbours + 1) return
    this.#seen.shift()
    this.#next -= 1
  }

  #cutAt(at: number): Cut | undefined {
    const seen = this.#seen
    const [before, frame] = [seen[at - 1]!, seen[at]!]
    const fresh: number[] = []
    const bounds = new Float32Array(BLOCKS)
    let visible = 0
    for (let block = 0; block < BLOCKS; block++) {
      const change = frame.change[block]!
      const usual = this.#usualChange(block, at)
      bounds[block] = Math.max(LEAST_CHANGE, ISOLATION * usual)
      const isNew = change >= bounds[block]!
      const texture = Math.max(before.texture[block]!, frame.texture[block]!)
      if (isNew) fresh.push(block)
      // Noise is no thing to be seen: it is another one in every frame.
      if (isNew || texture >= Math.max(LEAST_TEXTURE, 2 * usual)) visible += 1
    }
    const share = fresh.length / visible
    if (fresh.length < LEAST_AREA * BLOCKS || !(share >= LEAST_SHARE)) return undefined
    if (fresh.length < PROMINENCE * this.#freshAround(at, bounds)) return undefined
    const later = seen.slice(at + 1, at + 1 + this.#neighbours)
    const earlier = seen.slice(Math.max(0, at - 1 - this.#neighbours), at - 1)
    const isBack =
      later.some(({ planes }) => !isKept(fresh, frame.change, before.planes, planes)) ||
      earlier.some(({ planes }) => !isKept(fresh, frame.change, planes, frame.planes))
    return isBack ? undefined : { time: frame.time, share }
  }

  /**
   * As many blocks as are new in another frame on either side of one, for what moves by jerks is somewhere new in each. On one side alone there may
   * be another cut; near an end of the clip there is one side alone.
   */
  #freshAround(at: number, bounds: Float32Array): number {
    const most = (frames: readonly Seen[]) =>
      frames.reduce((most, { change }) => Math.max(most, countAbove(change, bounds)), 0)
    const before = this.#seen.slice(Math.max(0, at - this.#neighbours), at)
    const behind = this.#seen.slice(at + 1, at + 1 + this.#neighbours)
    const isWhole = before.length === this.#neighbours && behind.length === this.#neighbours
    return isWhole ? Math.min(most(before), most(behind)) : most([...before, ...behind])
  }

  /** The second largest change of the block around a frame: the largest may be another cut, or the way back from a flash. */
  #usualChange(block: number, at: number): number {
    let [first, second] = [0, 0]
    const from = Math.max(1, at - this.#neighbours)
    const to = Math.min(this.#seen.length - 1, at + this.#neighbours)
    for (let i = from; i <= to; i++) {
      if (i === at) continue
      const change = this.#seen[i]!.change[block]!
      if (change > first) [first, second] = [change, first]
      else if (change > second) second = change
    }
    return second
  }
}

function countAbove(values: Float32Array, bounds: Float32Array): number {
  let count = 0
  for (let i = 0; i < values.length; i++) if (values[i]! >= bounds[i]!) count += 1
  return count
}

/** Whether most of these blocks differ between two pictures by more than a quarter of `change`: a flash fades for longer than it is one. */
function isKept(
  blocks: readonly number[],
  change: Float32Array,
  one: Uint8Array,
  other: Uint8Array,
): boolean {
  const different = blocks.filter(
    (block) => blockChange(one, other, block) >= Math.max(LEAST_CHANGE, change[block]! / 4),
  )
  return different.length >= LEAST_KEPT * blocks.length
}

function changeOf(before: Uint8Array, planes: Uint8Array): Float32Array {
  return Float32Array.from({ length: BLOCKS }, (_, block) => blockChange(before, planes, block))
}

function blockChange(one: Uint8Array, other: Uint8Array, block: number): number {
  const still = differenceAt(one, other, block, 0, Number.POSITIVE_INFINITY)
  const bound = LEAST_CHANGE * BLOCK * BLOCK
  if (still < bound) return still / (BLOCK * BLOCK)
  const came = nearest(one, other, block, still)
  // What has gone leaves ground that is like the ground beside it: only the way back finds nothing.
  const went = nearest(other, one, block, still)
  return Math.max(came, went) / (BLOCK * BLOCK)
}

/** The least difference of a block of `to` from one of its size nearby in `from`. */
function nearest(from: Uint8Array, to: Uint8Array, block: number, still: number): number {
  const left = (block % COLUMNS) * BLOCK
  const top = Math.floor(block / COLUMNS) * BLOCK
  let least = still
  for (const [dx, dy] of PLACES) {
    const [x, y] = [left + dx, top + dy]
    if (x < 0 || y < 0 || x > CUT_WIDTH - BLOCK || y > CUT_HEIGHT - BLOCK) continue
    least = Math.min(least, differenceAt(from, to, block, dy * CUT_WIDTH + dx, least))
    if (least < LIKE * BLOCK * BLOCK) break
  }
  return least
}

/** Sum over the block's pixels in `to` and those at `offset` from them in `from`; given up beyond `bound`. */
function differenceAt(
  from: Uint8Array,
  to: Uint8Array,
  block: number,
  offset: number,
  bound: number,
): number {
  const first = Math.floor(block / COLUMNS) * BLOCK * CUT_WIDTH + (block % COLUMNS) * BLOCK
  let sum = 0
  for (let y = 0; y < BLOCK && sum < bound; y++) {
    const row = first + y * CUT_WIDTH
    for (let i = row; i < row + BLOCK; i++) {
      sum +=
        Math.abs(to[i]! - from[i + offset]!) +
        Math.abs(to[i + AREA]! - from[i + AREA + offset]!) +
        Math.abs(to[i + 2 * AREA]! - from[i + 2 * AREA + offset]!)
    }
  }
  return sum
}

function textureOf(planes: Uint8Array): Float32Array {
  const texture = new Float32Array(BLOCKS)
  for (let block = 0; block < BLOCKS; block++) {
    const first = Math.floor(block / COLUMNS) * BLOCK * CUT_WIDTH + (block % COLUMNS) * BLOCK
    for (let plane = 0; plane < 3; plane++) {
      let sum = 0
      const each = (take: (value: number) => void) => {
        for (let y = 0; y < BLOCK; y++)
          for (let x = 0; x < BLOCK; x++) take(planes[plane * AREA + first + y * CUT_WIDTH + x]!)
      }
      each((value) => {
        sum += value
      })
      const mean = sum / (BLOCK * BLOCK)
      each((value) => {
        texture[block]! += Math.abs(value - mean) / (BLOCK * BLOCK)
      })
    }
  }
  return texture
}
