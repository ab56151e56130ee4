/** The line of waiting sequences. */
import type { Sequence } from './sequence.ts'

/** Negative when `a` is served before `b`. A total order: equal ranks by age of the sequence. */
export function compareRank(a: Sequence, b: Sequence): number {
  return a.request.rank - b.request.rank || a.id - b.id
}

/** Kept sorted by rank; the line is bounded and short, so insertion into an array is the fast way. */
export class SequenceQueue {
  readonly #sequences: Sequence[] = []

  get size(): number {
    return this.#sequences.length
  }

  get first(): Sequence | undefined {
    return this.#sequences[0]
  }

  add(sequence: Sequence): void {
    const before = this.#sequences.findLastIndex((other) => compareRank(other, sequence) < 0)
    this.#sequences.splice(before + 1, 0, sequence)
  }

  /** False when it was not in line. */
  remove(sequence: Sequence): boolean {
    const index = this.#sequences.indexOf(sequence)
    if (index < 0) return false
    this.#sequences.splice(index, 1)
    return true
  }
}
