/**
 * Recurrent states of a session: which slot holds the state of which sequence, and at which position. Holds no values. A state
 * is never changed: a run reads one slot and writes another, so forks share a slot, and a failed run has changed nothing.
 */
import { AerieError } from '../../errors.ts'
import { KvCacheFull, type RecurrentStates, type SequenceId } from '../backend.ts'
import { KvPool } from './kv-pool.ts'

/** KV blocks between two states that are kept for later forks. */
export const BLOCKS_BETWEEN_STATES = 16

/** States that a sequence keeps beside its last: so one long prompt does not take the slots of all others. */
const MOST_KEPT = 8

/** Where a run finds the state before a row, −1 at the start of a sequence, and where it leaves the one behind it. */
export interface StateSlots {
  readonly from: number
  readonly to: number
}

/** The states of a sequence after so many positions. */
interface Snapshot {
  readonly position: number
  readonly slot: number
}

export interface StateTableOptions {
  readonly slots: number
  /** See {@link RecurrentStates}. */
  readonly keptEvery: number
}

export class StateTable implements RecurrentStates {
  readonly keptEvery: number
  readonly #pool: KvPool
  /** Oldest first; the last is where the sequence stands. */
  readonly #sequences = new Map<SequenceId, Snapshot[]>()

  constructor({ slots, keptEvery }: StateTableOptions) {
    this.#pool = new KvPool(slots)
    this.keptEvery = keptEvery
  }

  get slotsTotal(): number {
    return this.#pool.total
  }

  get slotsUsed(): number {
    return this.#pool.used
  }

  slotsOf(sequences: Iterable<SequenceId>): number {
    const slots = new Set<number>()
    for (const id of sequences)
      for (const { slot } of this.#sequences.get(id) ?? []) slots.add(slot)
    return slots.size
  }

  /**
   * A new slot for each sequence, beside the one of its state; what is kept for forks goes first. Throws {@link KvCacheFull}; where
   * sequences stand is then as it was.
   */
  reserve(sequences: readonly SequenceId[]): StateSlots[] {
    while (this.#pool.free < sequences.length && this.#dropSnapshot());
    if (sequences.length > this.#pool.free)
      throw new KvCacheFull(sequences.length, this.#pool.free, 'state slots')
    return sequences.map((id) => ({
      from: this.#sequences.get(id)?.at(-1)?.slot ?? -1,
      to: this.#pool.allocate(),
    }))
  }

  /** What was reserved is the sequence's state at `position` now; the one before is forgotten unless it is kept for forks. */
  advance(id: SequenceId, { to }: StateSlots, position: number): void {
    const states = this.#sequences.get(id) ?? []
    const last = states.at(-1)
    if (last && !this.#isKept(last.position)) {
      this.#pool.release(last.slot)
      states.pop()
    }
    states.push({ position, slot: to })
    if (states.length > 1 + MOST_KEPT) this.#pool.release(takeLeastMissed(states).slot)
    this.#sequences.set(id, states)
  }

  /** Gives back what was reserved for a run that failed. */
  cancel({ to }: StateSlots): void {
    this.#pool.release(to)
  }

  forkable(id: SequenceId, length: number): number {
    const states = this.#sequences.get(id) ?? []
    return states.findLast(({ position }) => position <= length)?.position ?? 0
  }

  /** Throws `backend_failure` for a length whose state is not there. */
  expectForkable(parent: SequenceId, length: number): void {
    const nearest = this.forkable(parent, length)
    if (nearest === length) return
    throw new AerieError(
      'backend_failure',
      `fork: sequence ${parent} has no recurrent state after ${length} positions, the nearest before is after ${nearest}`,
    )
  }

  /** Starts `id` with the states of the first `length` positions of `parent`. */
  fork(id: SequenceId, parent: SequenceId, length: number): void {
    this.expectForkable(parent, length)
    const states = (this.#sequences.get(parent) ?? []).filter(({ position }) => position <= length)
    for (const { slot } of states) this.#pool.retain(slot)
    this.#sequences.set(id, [...states])
  }

  free(id: SequenceId): void {
    for (const { slot } of this.#sequences.get(id) ?? []) this.#pool.release(slot)
    this.#sequences.delete(id)
  }

  /** Forgets every sequence. */
  clear(): void {
    for (const id of [...this.#sequences.keys()]) this.free(id)
  }

  /** Gives up the oldest state of a sequence that has moved on; false where there is none. */
  #dropSnapshot(): boolean {
    for (const states of this.#sequences.values()) {
      if (states.length < 2) continue
      this.#pool.release(states.shift()!.slot)
      return true
    }
    return false
  }

  #isKept(position: number): boolean {
    return position % this.keptEvery === 0
  }
}

/** Takes out the state, but for the last, without which the longest gap is the shortest: what is left is spread evenly. */
function takeLeastMissed(states: Snapshot[]): Snapshot {
  const gaps = states
    .slice(0, -1)
    .map((_, i) => states[i + 1]!.position - (states[i - 1]?.position ?? 0))
  const [least] = states.splice(gaps.indexOf(Math.min(...gaps)), 1)
  return least!
}
