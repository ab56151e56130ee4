/**
 * What a picture shows, decided before anything is drawn. Lengths are units of the padded square,
 * 160 a side, whatever the picture's size in pixels; x to the right, y down.
 */
import type { Box, Ring } from './geometry.ts'
import {
  BACKGROUNDS,
  type BackgroundName,
  type ColorName,
  contrasting,
  language,
  SIZES,
  type Size,
  SQUARE,
} from './language.ts'
import { outline } from './pose.ts'
import { createRandom, type Random } from './random.ts'
import { placeText, type SceneText } from './scene-text.ts'
import { KINDS, type Kind } from './shapes/index.ts'
import type { Part } from './shapes/shape.ts'

export interface SceneObject {
  readonly kind: Kind
  readonly color: ColorName
  readonly size: Size
  /** Centre of the bounding box. */
  readonly x: number
  readonly y: number
  /** Half the longer side of the bounding box: what `size` is measured by. */
  readonly r: number
  readonly box: Box
  /** Outlines around 0, 0. */
  readonly parts: readonly Part[]
}

export interface Scene {
  readonly seed: number
  /** In pixels. */
  readonly width: number
  readonly height: number
  /** The picture's rectangle within the padded square. */
  readonly frame: Box
  readonly background: BackgroundName
  readonly objects: readonly SceneObject[]
  readonly text: SceneText | undefined
}

export type { SceneText }

/** Parts of the ranges in language.json, so that no size is close to its neighbour. */
const RADII: Readonly<Record<Size, readonly [number, number]>> = {
  small: [9.3, 12.2],
  medium: [16.3, 19.7],
  large: [25.3, 33],
}
const GAP = 2.5 // least distance between the boxes of two things
const ROW_MARGIN = 4 // least distance of a centre from the edge of a reading row

/** The scene of a seed: always the same. */
export function createScene(seed: number): Scene {
  const random = createRandom(seed)
  for (;;) {
    const scene = attempt(seed, random)
    if (scene !== undefined) return scene
  }
}

/** One try; undefined when the things that were chosen do not fit beside each other. */
function attempt(seed: number, random: Random): Scene | undefined {
  const { width, height, frame } = canvas(random)
  const background = random.pick(BACKGROUNDS)
  const mode = random.weighted({ shapes: 0.64, text: 0.2, mixed: 0.16 })
  const taken: Box[] = []

  let text: SceneText | undefined
  if (mode !== 'shapes') {
    text = placeText(random, frame, background, mode === 'mixed')
    if (text === undefined) return undefined
    taken.push(text.box)
  }

  const count =
    mode === 'text'
      ? 0
      : mode === 'mixed'
        ? 1 + random.below(2)
        : Number(random.weighted({ 1: 0.24, 2: 0.2, 3: 0.19, 4: 0.19, 5: 0.18 }))
  const objects: SceneObject[] = []
  for (const { kind, color } of cast(random, count, background)) {
    const object = placeObject(random, kind, color, count, frame, taken)
    if (object === undefined) return undefined
    objects.push(object)
    taken.push(object.box)
  }
  return { seed, width, height, frame, background, objects, text }
}

/** Size in pixels, 160…1200 on the longer side and 1:3…3:1, and the place in the padded square. */
function canvas(random: Random): Pick<Scene, 'width' | 'height' | 'frame'> {
  const longest = Math.round(160 * 7.5 ** random.next())
  const aspect = random.chance(0.3)
    ? random.pick([1, 4 / 3, 3 / 4, 16 / 9, 3 / 2])
    : 3 ** random.uniform(-1, 1)
  const width = aspect >= 1 ? longest : Math.round(longest * aspect)
  const height = aspect >= 1 ? Math.round(longest / aspect) : longest
  const unit = SQUARE / longest
  const left = Math.floor((longest - width) / 2) * unit
  const top = Math.floor((longest - height) / 2) * unit
  return {
    width,
    height,
    frame: { left, top, right: left + width * unit, bottom: top + height * unit },
  }
}

/** Who appears. From three objects on, kinds or colours often repeat, so that counting one of them means something. */
function cast(
  random: Random,
  count: number,
  background: BackgroundName,
): { kind: Kind; color: ColorName }[] {
  let kinds: readonly Kind[] = KINDS
  let colors = contrasting(background, 'objects')
  if (count >= 3) {
    kinds = random.shuffle(kinds).slice(0, random.pick([2, 3, 16, 16]))
    colors = random.shuffle(colors).slice(0, random.pick([2, 3, 8]))
  }
  return Array.from({ length: count }, () => ({
    kind: random.pick(kinds),
    color: random.pick(colors),
  }))
}

const SIZE_WEIGHTS = [
  { upTo: 1, weights: { small: 1, medium: 1, large: 1 } },
  { upTo: 3, weights: { small: 0.35, medium: 0.35, large: 0.3 } },
  { upTo: 5, weights: { small: 0.5, medium: 0.4, large: 0.1 } },
] as const

function placeObject(
  random: Random,
  kind: Kind,
  color: ColorName,
  count: number,
  frame: Box,
  taken: readonly Box[],
): SceneObject | undefined {
  const weights = SIZE_WEIGHTS.find(({ upTo }) => count <= upTo)?.weights ?? SIZE_WEIGHTS[2].weights
  const figure = outline(kind, random)
  for (let tries = 0; tries < 60; tries++) {
    const size = tries < 30 ? random.weighted(weights) : random.pick(SIZES.slice(0, 2))
    const r = random.uniform(...RADII[size])
    const [halfWidth, halfHeight] = [figure.halfWidth * r, figure.halfHeight * r]
    const room = {
      left: frame.left + halfWidth + 1.5,
      right: frame.right - halfWidth - 1.5,
      top: frame.top + halfHeight + 1.5,
      bottom: frame.bottom - halfHeight - 1.5,
    }
    if (room.left > room.right || room.top > room.bottom) continue
    const x = random.uniform(room.left, room.right)
    const y = random.uniform(room.top, room.bottom)
    const box = {
      left: x - halfWidth,
      top: y - halfHeight,
      right: x + halfWidth,
      bottom: y + halfHeight,
    }
    if (language.readingOrder.edges.some((edge) => Math.abs(y - edge * SQUARE) < ROW_MARGIN))
      continue
    if (taken.some((other) => overlap(box, other))) continue
    const scale = (ring: Ring): Ring => ring.map(([px, py]) => [px * r, py * r])
    const parts = figure.parts.map(({ rings, paint }) => ({ rings: rings.map(scale), paint }))
    return { kind, color, size, x, y, r, box, parts }
  }
  return undefined
}

function overlap(a: Box, b: Box): boolean {
  return (
    a.left < b.right + GAP &&
    b.left < a.right + GAP &&
    a.top < b.bottom + GAP &&
    b.top < a.bottom + GAP
  )
}
