/** Grammars as tests look at them: what is allowed, and texts made up along them. */
import type { Constraint } from '../../src/engine/constraint.ts'
import { buildAutomaton } from '../../src/grammar/build-automaton.ts'
import { lower } from '../../src/grammar/lower.ts'
import { Matcher } from '../../src/grammar/matcher.ts'

/** `longestToken`: of the vocabulary that masks are computed for, in bytes. */
export function matcherOf(constraint: Constraint, longestToken = 8): Matcher {
  return new Matcher(buildAutomaton(lower(constraint), 'constraint', longestToken))
}

/** Whether this is a whole text that the grammar allows. */
export function accepts(matcher: Matcher, text: string): boolean {
  return matcher.advance(matcher.start, new TextEncoder().encode(text))?.mayEnd ?? false
}

/** A text of the grammar: at most so many bytes at random, then the shortest way to its end. `random` in [0, 1). */
export function textOf(matcher: Matcher, random: () => number, most = 60): string {
  const bytes: number[] = []
  let position = matcher.start
  for (let i = 0; i < most; i++) {
    if (position.mayEnd && (position.openings.length === 0 || random() < 0.1)) break
    // A way at random, then a byte of it: letters are as likely as the ends of texts.
    const states = position.openings.flatMap(({ closure }) => closure.states)
    const range = matcher.automaton.first[states[Math.floor(random() * states.length)]!]!
    const [low, high] = [range >> 8, range & 0xff]
    const byte = low + Math.floor(random() * (high - low + 1))
    bytes.push(byte)
    position = matcher.step(position, byte)!
  }
  bytes.push(...matcher.completion(position))
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))
}

/** Numbers in [0, 1). */
export function randomOf(seed: number): () => number {
  let state = seed | 1
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32
  }
}
