/** What a drawn kind consists of: parts in drawing order, each with the role its paint plays. */
import type { Ring } from '../geometry.ts'
import type { Random } from '../random.ts'

/**
 * `main` is the colour that the object is named by, `shade` and `tint` a darker and a lighter tone of it;
 * the rest are things that have a colour of their own.
 */
export type Paint = 'main' | 'shade' | 'tint' | 'glass' | 'dark' | 'pale' | 'wood' | 'pollen'

export interface Part {
  /** Filled by the even-odd rule, so an inner ring is a hole. Coordinates run over about −1…1, y down. */
  readonly rings: readonly Ring[]
  readonly paint: Paint
}

/** Draws one example of a kind: which of its designs, and the design's proportions, come from `random`. */
export type Shape = (random: Random) => readonly Part[]

export function part(paint: Paint, ...rings: readonly Ring[]): Part {
  return { rings, paint }
}

/** The same parts seen in a mirror, left and right exchanged. */
export function mirrored(parts: readonly Part[]): readonly Part[] {
  return parts.map(({ rings, paint }) => ({
    rings: rings.map((ring) => ring.map(([x, y]) => [-x, y] as const)),
    paint,
  }))
}
