/**
 * How the pictures of a conversation share the context in Eagle 2's first generation (`ModelWorker.generate` of demo.py): while
 * the tiles of all of them do not fit, the most that any may have falls by two.
 */
import type { PictureLayout } from './layout.ts'

export interface SharedContext {
  /** Positions that one tile takes. */
  readonly perTile: number
  /** Positions that all tiles together must stay below. */
  readonly context: number
}

const STEP = 2

/** Layouts within the largest limit under which they fit, or within the smallest there is. */
export function shareContext(
  { perTile, context }: SharedContext,
  most: number,
  layOut: (most: number) => PictureLayout[],
): PictureLayout[] {
  for (let limit = most; ; limit -= STEP) {
    const layouts = layOut(limit)
    const tiles = layouts.reduce((sum, layout) => sum + layout.tiles, 0)
    if (tiles * perTile < context || limit - STEP < 1) return layouts
  }
}
