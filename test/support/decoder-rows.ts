/** Rows of a decoder's step, short to write. */
import assert from 'node:assert/strict'
import type { DecoderSession, Row, Segment } from '../../src/engine/backend.ts'
import { seededRandom } from './seeded-random.ts'

/** Ids below this are in every vocabulary that is tried. */
const IDS = 256

export function row(
  sequence: number,
  input: Segment | readonly Segment[],
  want: Row['want'] = 'logits',
): Row {
  return { sequence, input: Array.isArray(input) ? input : [input as Segment], want }
}

export async function logitsOf(
  session: DecoderSession,
  rows: readonly Row[],
): Promise<Float32Array[]> {
  return (await session.step(rows)).map(({ values }) => {
    assert.ok(values)
    return values
  })
}

export function tokens(...ids: number[]): Segment {
  return { kind: 'tokens', ids: Int32Array.from(ids) }
}

export function randomIds(seed: number, count: number): number[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => Math.floor(random() * IDS))
}

export function embeddings(seed: number, rows: number, width: number): Segment {
  const random = seededRandom(seed)
  return {
    kind: 'embeddings',
    data: Float32Array.from({ length: rows * width }, () => random() * 2 - 1),
    rows,
  }
}
