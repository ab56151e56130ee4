/** Rules that were called, and where each goes on when it is done: one object for each such place, however often it is come to. */
import type { Automaton } from './automaton.ts'
import type { Position } from './positions.ts'

export interface Frame {
  readonly id: number
  readonly back: number
  readonly parent: Frame | undefined
  /** Fewest bytes to the end of the whole text, from `back` on. */
  readonly distance: number
  /** The same number: the same tokens may come behind it. See {@link Automaton.alike}. */
  readonly alike: number
  children: Map<number, Frame> | undefined
  /** The state that it was gone on from last, and where that led; -1: from none yet. */
  followedState: number
  followed: Position | null
}

/** About what one takes. */
const FRAME_BYTES = 250

/** Those of one automaton. */
export class Frames {
  readonly #automaton: Automaton
  #outermost = new Map<number, Frame>()
  readonly #alike = new Map<number, number>()
  #made = 0
  #forgotten = 0

  constructor(automaton: Automaton) {
    this.#automaton = automaton
  }

  get size(): number {
    return this.#made - this.#forgotten
  }

  get bytes(): number {
    return this.size * FRAME_BYTES
  }

  /** Of a rule that goes on at `back` when it is done, inside of `parent`. */
  of(back: number, parent: Frame | undefined): Frame {
    if (parent && !parent.children) parent.children = new Map()
    const siblings = parent?.children ?? this.#outermost
    let frame = siblings.get(back)
    if (!frame) {
      const distance = this.#automaton.distance[back]! + (parent?.distance ?? 0)
      const id = ++this.#made
      const alike = this.#alikeOf(id, back, parent)
      frame = {
        id,
        back,
        parent,
        distance,
        alike,
        children: undefined,
        followedState: -1,
        followed: null,
      }
      siblings.set(back, frame)
    }
    return frame
  }

  /** Those in use live on. */
  forget(): void {
    this.#outermost = new Map()
    this.#alike.clear()
    this.#forgotten = this.#made
  }

  #alikeOf(id: number, back: number, parent: Frame | undefined): number {
    const { alike, kinds } = this.#automaton
    if (!alike) return id
    const name = (parent?.alike ?? 0) * kinds.length + alike[back]!
    const known = this.#alike.get(name)
    if (known === undefined) this.#alike.set(name, id)
    return known ?? id
  }
}
