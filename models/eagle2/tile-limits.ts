/** How many tiles a picture may become. */
import type { ConfigReader } from '../config-reader.ts'

/** The published rule looks at every grid of as many tiles, again and again; no checkpoint comes near this. */
const MOST_TILES = 100

/** Reads a number of tiles. */
export function readTiles(raw: ConfigReader, key: string, fallback: number): number {
  const tiles = raw.size(key, fallback)
  if (tiles > MOST_TILES) throw raw.mismatch(key, `at most ${MOST_TILES} tiles`)
  return tiles
}
