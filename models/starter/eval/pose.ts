/** A kind's drawing, turned and tilted, then fitted so that position and size have one meaning. */
import { boxOf, type Point, posed } from './geometry.ts'
import type { Random } from './random.ts'
import { type Kind, shapes } from './shapes/index.ts'
import type { Part } from './shapes/shape.ts'

/** Degrees by which a kind may be turned either way without becoming something else (a square, a diamond). */
const TURN: Readonly<Record<Kind, number>> = {
  circle: 180,
  ring: 180,
  flower: 180,
  star: 180,
  moon: 40,
  heart: 18,
  triangle: 14,
  square: 13,
  cross: 13,
  diamond: 13,
  arrow: 16,
  house: 9,
  tree: 9,
  car: 11,
  cup: 11,
  fish: 20,
}

export interface Figure {
  /** Bounding box centred on 0, 0 with half its longer side 1. */
  readonly parts: readonly Part[]
  readonly halfWidth: number
  readonly halfHeight: number
}

export function outline(kind: Kind, random: Random): Figure {
  const parts = shapes[kind](random)
  const tilted = random.chance(0.5)
  const move = posed({
    turn:
      random.uniform(-TURN[kind], TURN[kind]) +
      (kind === 'triangle' && random.chance(0.1) ? 180 : 0),
    stretch: random.uniform(0.86, 1.16),
    skew: random.chance(0.3) ? random.uniform(-0.12, 0.12) : 0,
    tilt: tilted ? [random.uniform(-0.14, 0.14), random.uniform(-0.14, 0.14)] : [0, 0],
  })
  const moved = parts.map(({ rings, paint }) => ({
    rings: rings.map((ring) => ring.map(move)),
    paint,
  }))
  const box = boxOf(moved.flatMap(({ rings }) => rings))
  const [cx, cy] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2]
  const half = Math.max(box.right - box.left, box.bottom - box.top) / 2
  const fit = ([x, y]: Point): Point => [(x - cx) / half, (y - cy) / half]
  return {
    parts: moved.map(({ rings, paint }) => ({ rings: rings.map((ring) => ring.map(fit)), paint })),
    halfWidth: (box.right - box.left) / 2 / half,
    halfHeight: (box.bottom - box.top) / 2 / half,
  }
}
