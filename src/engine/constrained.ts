/** One answer under a grammar: which token may come next, and the way to its end when room runs short. */

import { AerieError } from '../errors.ts'
import type { CompiledGrammar } from '../grammar/grammars.ts'
import type { Position } from '../grammar/positions.ts'
import { ForcedTokens } from './forced-tokens.ts'
import { tokenLogprobs } from './logprobs.ts'
import type { SampledToken, TokenSampler } from './sampler.ts'
import type { PlannedRow } from './scheduler.ts'
import type { ActiveRequest, Sequence } from './sequence.ts'

type Answer = Pick<Sequence, 'request' | 'output' | 'promptIds' | 'outputCounts' | 'uniform'>

/** Shared by the answers of an engine. */
export class MaskedLogits {
  readonly #logits: Float32Array

  constructor(vocabSize: number) {
    this.#logits = new Float32Array(vocabSize)
  }

  /** `logits` where the mask has a bit, else minus infinity: what most of them are is copied or filled as a whole, the rest one by one. */
  apply(logits: Float32Array, mask: Uint32Array): Float32Array {
    const masked = this.#logits
    const isWide = 2 * countBits(mask) > masked.length
    if (isWide) masked.set(logits)
    else masked.fill(Number.NEGATIVE_INFINITY)
    for (let word = 0; word < mask.length; word++) {
      let rest = isWide ? ~mask[word]! : mask[word]!
      while (rest !== 0) {
        const lowest = rest & -rest
        rest ^= lowest
        const id = word * 32 + 31 - Math.clz32(lowest)
        if (id >= masked.length) break
        masked[id] = isWide ? Number.NEGATIVE_INFINITY : logits[id]!
      }
    }
    return masked
  }
}

function hasBits(words: Uint32Array): boolean {
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return true
  return false
}

/** Of all words, 32 bits at a time (Hacker's Delight, 5-1). */
function countBits(words: Uint32Array): number {
  let count = 0
  for (let i = 0; i < words.length; i++) {
    let bits = words[i]!
    bits -= (bits >>> 1) & 0x55555555
    bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
    count += Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
  }
  return count
}

export class ConstrainedAnswer {
  readonly #grammar: CompiledGrammar
  #position: Position
  /** Where the token leads that was looked at last: it is looked at when it is chosen, and again when it is taken. */
  #last: { from: Position; id: number; next: Position | null } | undefined
  #isSteered = false
  #forced: ForcedTokens | undefined

  constructor(grammar: CompiledGrammar) {
    this.#grammar = grammar
    this.#position = grammar.matcher.start
    grammar.request(this.#position)
  }

  /** Nothing can follow but the end. */
  get isComplete(): boolean {
    return this.#position.mayEnd && this.#position.openings.length === 0
  }

  /** It says at some place what was shortest rather than what the model would have said. */
  get isSteered(): boolean {
    return this.#isSteered
  }

  /** Guesses at the tokens of what the grammar prescribes; see {@link ForcedTokens.draft}. */
  forced(most: number, least: number): readonly number[] {
    this.#forced ??= new ForcedTokens(this.#grammar)
    return this.#forced.draft(this.#position, most, least)
  }

  /** What of a guess at the next tokens the grammar allows; their masks are asked for. */
  allowed(draft: readonly number[]): readonly number[] {
    let position: Position | null = this.#position
    for (const [i, id] of draft.entries()) {
      position = this.#next(position, id)
      if (!position) return draft.slice(0, i)
      this.#grammar.request(position)
    }
    return draft
  }

  /** Masks of the positions of a draft that are not there yet. */
  waitingFor(draft: readonly number[]): Promise<void>[] {
    const waiting: Promise<void>[] = []
    let position: Position | null = this.#position
    for (const id of [...draft, undefined]) {
      if (!position.mask) {
        this.#grammar.request(position)
        if (position.pending) waiting.push(position.pending)
      }
      position = id === undefined ? null : this.#next(position, id)
      if (!position) break
    }
    return waiting
  }

  /**
   * Chooses as the sampler does among what the grammar allows. `goesOn`: the answer has fewer tokens than it is asked to have, and does not
   * end where it can go on. Throws `invalid_request` when no token can follow.
   */
  choose(
    sampler: TokenSampler,
    masked: MaskedLogits,
    logits: Float32Array,
    sequence: Answer,
    goesOn: boolean,
  ): SampledToken {
    const { stopTokenIds, sampling, maxTokens } = sequence.request.params
    const room = maxTokens - sequence.output.length
    const { mask, mayEnd } = this.#position
    const allowed = masked.apply(logits, mask!)
    for (const id of stopTokenIds) allowed[id] = Number.NEGATIVE_INFINITY
    const canGoOn = hasBits(mask!)
    if (mayEnd && !(goesOn && canGoOn)) for (const id of stopTokenIds) allowed[id] = logits[id]!
    if (!canGoOn && !(mayEnd && stopTokenIds.size > 0))
      throw new AerieError(
        'invalid_request',
        'no token of the model can spell what the grammar asks for next',
      )
    const { topLogprobs } = sampling
    const quiet = topLogprobs === undefined ? sampling : { ...sampling, topLogprobs: undefined }
    const sampled = sampler.sample(allowed, quiet, sequence, () => sequence.uniform())
    const id = stopTokenIds.has(sampled.id) ? sampled.id : this.#steered(sampled.id, room)
    return topLogprobs === undefined ? { id } : { id, ...tokenLogprobs(logits, id, topLogprobs) }
  }

  /** Takes the token that was chosen, and asks for the next mask. */
  accept(id: number): void {
    const next = this.#next(this.#position, id)
    if (!next) throw new Error(`grammar: token ${id} is not allowed`)
    this.#forced?.push(this.#position, id)
    this.#position = next
    if (!this.isComplete) this.#grammar.request(next)
  }

  /** The token itself, if its text can be brought to an end in what room is left then; else the first of the shortest way from here. */
  #steered(id: number, room: number): number {
    const next = this.#next(this.#position, id)
    if (next && this.#fits(next, room - 1)) return id
    const isFar = this.#position.distance > room * this.#grammar.tree.deepest
    const way = isFar ? null : this.#grammar.spelling(this.#position)
    // There was no room from the beginning: the answer is cut off.
    if (!way || way.length === 0 || way.length > room) return id
    this.#isSteered = true
    return way[0]!
  }

  #fits(position: Position, room: number): boolean {
    if (position.distance === 0) return true
    // Where there is plenty of room nothing need be spelled: a byte takes a token at most.
    if (this.#grammar.spellsBytes && position.distance <= room) return true
    // No token has more bytes than the longest.
    if (position.distance > room * this.#grammar.tree.deepest) return false
    const way = this.#grammar.spelling(position)
    return way !== null && way.length <= room
  }

  #next(from: Position, id: number): Position | null {
    if (this.#last?.from === from && this.#last.id === id) return this.#last.next
    const next = this.#grammar.advance(from, id)
    this.#last = { from, id, next }
    return next
  }
}

/**
 * Masks are asked for when the tokens before them are chosen, and computed while the decoder runs; those that are not there yet are
 * waited for. Returns how many there were.
 */
export async function awaitMasks(
  plan: readonly PlannedRow[],
  fail: (request: ActiveRequest, error: unknown) => void,
): Promise<number> {
  const waits: Promise<number>[] = []
  for (const { sequence, take, draft } of plan) {
    if (!sequence.constrained || take !== sequence.pending) continue
    const waiting = sequence.constrained.waitingFor(draft)
    if (waiting.length === 0) continue
    waits.push(
      Promise.all(waiting).then(
        () => waiting.length,
        (error: unknown) => {
          fail(sequence.request, error)
          return 0
        },
      ),
    )
  }
  return (await Promise.all(waits)).reduce((sum, count) => sum + count, 0)
}
