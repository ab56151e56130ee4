/**
 * A grammar as a machine over bytes: states with one way on each, and calls of rules that come back. Flat arrays in shared memory,
 * so that threads share one.
 */
import type { Ranges } from './expression.ts'

export const JUMP = 0
export const BYTE = 1
export const CALL = 2
export const END = 3

/** No way to the end. */
export const UNREACHABLE = 2 ** 30

/** A class of many characters, as states that read the encoding of one. */
export interface CharacterClass {
  readonly ranges: Ranges
  /** Characters in it. */
  readonly count: number
  /** The state behind a character. */
  readonly end: number
}

export interface Automaton {
  /** One of the four kinds, a state. */
  readonly kinds: Uint8Array
  /** JUMP: first target in `targets`; BYTE: low · 256 + high; CALL: first state of the rule. */
  readonly first: Int32Array
  /** JUMP: behind the last target; BYTE and CALL: the next state. */
  readonly second: Int32Array
  readonly targets: Int32Array
  /** Fewest bytes from a state to the end of its rule. */
  readonly distance: Int32Array
  /** 1 where nothing is left to be said in the rule. */
  readonly atEnd: Uint8Array
  /** Of a state that reads the first byte of a character of a class: 1 + its place in `classes`. Else 0. */
  readonly classOf: Uint16Array
  readonly classes: readonly CharacterClass[]
  /**
   * Of a state: one behind which the same tokens may come, as both are so far from the end of a counted repetition that no token reaches
   * it. Undefined where no repetition is as long.
   */
  readonly alike: Int32Array | undefined
  readonly start: number
}

/** Bytes that it takes. */
export function automatonBytes({ kinds, targets, alike }: Automaton): number {
  return kinds.length * 16 + targets.byteLength + (alike?.byteLength ?? 0)
}
