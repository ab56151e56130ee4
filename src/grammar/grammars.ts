/** The grammars of one model: compiled once for all requests, kept while there is room, with masks that other threads compute. */
import { createHash } from 'node:crypto'
import { type Constraint, fieldOf, refuseDeep } from '../engine/constraint.ts'
import { AerieError } from '../errors.ts'
import { type Automaton, automatonBytes } from './automaton.ts'
import { ClassTables } from './class-tables.ts'
import type { ClassTokens } from './class-tokens.ts'
import { GrammarThread } from './grammar-thread.ts'
import { computeMask, type MaskSource, repetitionAt, repetitionMask } from './masks.ts'
import { Matcher } from './matcher.ts'
import type { Position } from './positions.ts'
import { fewestTokens } from './spelling.ts'
import { hasAllBytes, type TokenTree, type Vocabulary, vocabularySize } from './vocabulary.ts'

export interface GrammarOptions {
  readonly vocabulary: Vocabulary
  /** Milliseconds in which a constraint has to be compiled. */
  readonly compileTimeoutMs: number
  /** Bytes of compiled grammars that are kept, those in use aside. */
  readonly cacheBytes: number
  /** Entry of the threads; for tests. */
  readonly entry?: URL
}

/** Counters since the start, but for what is cached. */
export interface GrammarStats {
  readonly compiled: number
  readonly cacheHits: number
  /** Constraints that were refused, or took too long. */
  readonly refused: number
  readonly cached: number
  readonly cachedMax: number
  readonly cachedBytes: number
  readonly cachedBytesMax: number
  readonly masks: number
  /** Of those, masks that a thread of their own computed, as they took long. */
  readonly masksAside: number
  /** Masks that were not there when they were needed, and the milliseconds that steps waited for them. */
  readonly maskWaits: number
  readonly maskWaitMs: number
  /** Answers that were brought to their end because they had no more room. */
  readonly steered: number
  readonly restarts: number
}

/**
 * Nodes of the tree of tokens that are walked for a mask on the spot, within the step: about as much as asking a thread for it and
 * hearing of it costs on a busy machine, a millisecond at most.
 */
const MOST_NODES = 32_768
/** A mask of a large vocabulary takes milliseconds; grammars in which it takes so long are made to hurt. */
const MASK_TIMEOUT_MS = 10_000
const MOST_ENTRIES = 256
/** Bytes of a text to an end that is looked for; longer ones would hold up the step. */
const LONGEST_SPELLING = 32_768
/** Bytes that a first token is looked for in. */
const LONGEST_FORCED = 32

export class CompiledGrammar {
  readonly matcher: Matcher
  readonly tree: TokenTree
  readonly vocabulary: Vocabulary
  readonly #number: number
  readonly #automaton: Automaton
  readonly #grammars: Grammars
  readonly #spellings = new WeakMap<Position, Uint32Array | null>()

  constructor(grammars: Grammars, number: number, automaton: Automaton, tree: TokenTree) {
    this.#grammars = grammars
    this.#number = number
    this.#automaton = automaton
    this.matcher = new Matcher(automaton)
    this.tree = tree
    this.vocabulary = grammars.vocabulary
  }

  /** Every byte is a token, so that anything can be spelled. */
  get spellsBytes(): boolean {
    return this.#grammars.spellsBytes
  }

  get #source(): MaskSource {
    return { tree: this.tree, size: vocabularySize(this.vocabulary) }
  }

  get bytes(): number {
    return automatonBytes(this.#automaton) + this.matcher.bytes
  }

  /** Sees to it that the position gets its mask: now where that is quick, else by a thread. */
  request(position: Position): void {
    if (position.pending || this.matcher.knowsMask(position)) return
    // Behind the last token of a guess that would be a whole answer.
    if (position.openings.length === 0) {
      position.mask = new Uint32Array(Math.ceil(vocabularySize(this.vocabulary) / 32))
      return
    }
    this.#grammars.counted()
    try {
      this.#compute(position)
    } catch (error) {
      this.#await(position, Promise.reject(error))
    }
  }

  #compute(position: Position): void {
    const repetition = repetitionAt(this.matcher, position)
    if (repetition) {
      const { ranges } = this.#automaton.classes[repetition.class]!
      const table = this.#grammars.classes.get(ranges)
      const mask = (tokens: ClassTokens) =>
        repetitionMask(this.matcher, repetition, tokens, this.#source, MOST_NODES)
      if (table instanceof Promise) {
        const coming = table.then((tokens) => mask(tokens) ?? this.#aside(position))
        this.#await(position, coming)
      } else this.#settle(position, mask(table))
    } else this.#settle(position, computeMask(this.matcher, position, this.#source, MOST_NODES))
  }

  #settle(position: Position, mask: Uint32Array | null): void {
    if (mask) this.matcher.keepMask(position, mask)
    else this.#await(position, this.#aside(position))
  }

  #aside(position: Position): Promise<Uint32Array> {
    return this.#grammars.computeAside({
      type: 'mask',
      grammar: this.#number,
      automaton: this.#automaton,
      path: this.matcher.toPath(position),
    })
  }

  #await(position: Position, coming: Promise<Uint32Array>): void {
    position.pending = coming.then(
      (mask) => {
        this.matcher.keepMask(position, mask)
        position.pending = undefined
      },
      (error: unknown) => {
        position.pending = undefined
        throw error
      },
    )
    // Who needs it hears of it; perhaps nobody does.
    position.pending.catch(() => {})
  }

  /** Behind a token; null where the grammar does not allow it. */
  advance(from: Position, id: number): Position | null {
    const { bytes, offsets } = this.vocabulary
    const begin = offsets[id]!
    const end = offsets[id + 1]!
    return begin === end ? null : this.matcher.advance(from, bytes, begin, end)
  }

  /** The token that is likeliest where the grammar prescribes what comes: the one that came there last. Undefined where it does not. */
  likely(position: Position): number | undefined {
    if (position.likely === undefined) position.likely = this.#firstOfForced(position)
    return position.likely ?? undefined
  }

  #firstOfForced(from: Position): number | null {
    const bytes: number[] = []
    let position = from
    while (bytes.length < LONGEST_FORCED) {
      const byte = this.matcher.onlyByte(position)
      if (byte === undefined) break
      bytes.push(byte)
      position = this.matcher.step(position, byte)!
    }
    return fewestTokens(this.tree, bytes)?.[0] ?? null
  }

  /** The fewest tokens of a shortest text to an end; null where the vocabulary cannot spell it, or it is long. */
  spelling(position: Position): Uint32Array | null {
    let tokens = this.#spellings.get(position)
    if (tokens === undefined) {
      const isLong = position.distance > LONGEST_SPELLING
      tokens = isLong ? null : fewestTokens(this.tree, this.matcher.completion(position))
      this.#spellings.set(position, tokens)
    }
    return tokens
  }
}

interface Entry {
  readonly compiled: Promise<CompiledGrammar>
  grammar: CompiledGrammar | undefined
}

export class Grammars {
  readonly vocabulary: Vocabulary
  readonly spellsBytes: boolean
  readonly #options: GrammarOptions
  readonly classes: ClassTables
  readonly #compiler: GrammarThread
  readonly #masks: GrammarThread
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>()
  #tree: Promise<TokenTree> | undefined
  #numbers = 0
  readonly #counters = {
    compiled: 0,
    cacheHits: 0,
    refused: 0,
    masks: 0,
    masksAside: 0,
    maskWaits: 0,
    maskWaitMs: 0,
    steered: 0,
  }

  constructor(options: GrammarOptions) {
    this.#options = options
    this.vocabulary = options.vocabulary
    this.spellsBytes = hasAllBytes(options.vocabulary)
    const { vocabulary, entry, compileTimeoutMs } = options
    const shared = { vocabulary, ...(entry ? { entry } : {}) }
    this.#compiler = new GrammarThread({
      ...shared,
      name: 'grammar compiler',
      timeoutMs: compileTimeoutMs,
      tooLong: `the grammar takes longer than ${compileTimeoutMs / 1000} seconds to compile`,
    })
    this.#masks = new GrammarThread({
      ...shared,
      name: 'grammar masks',
      timeoutMs: MASK_TIMEOUT_MS,
      tooLong: 'the grammar is too ambiguous: it takes too long to say what may come next',
    })
    this.classes = new ClassTables(options.cacheBytes / 4, (ranges) =>
      this.#masks.run({ type: 'class', ranges }),
    )
  }

  /** The tenants of a server share what is compiled: it holds what a constraint says and nothing of who says it. */
  async compile(constraint: Constraint): Promise<CompiledGrammar> {
    refuseDeep(constraint)
    const key = createHash('sha256').update(JSON.stringify(constraint)).digest('base64')
    const known = this.#entries.get(key)
    if (known) {
      this.#counters.cacheHits++
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return await known.compiled
    }
    const entry: Entry = { compiled: this.#compile(constraint), grammar: undefined }
    this.#entries.set(key, entry)
    try {
      entry.grammar = await entry.compiled
      this.#counters.compiled++
      this.#evict()
      return entry.grammar
    } catch (error) {
      this.#counters.refused++
      this.#entries.delete(key)
      const isNameless = error instanceof AerieError && error.param === undefined
      if (!isNameless || error.code !== 'invalid_request') throw error
      const param = fieldOf(constraint)
      throw new AerieError(error.code, `${param}: ${error.message}`, { param, cause: error })
    }
  }

  /** A mask that takes long, in its thread. */
  async computeAside(
    job: Parameters<GrammarThread['run']>[0] & { type: 'mask' },
  ): Promise<Uint32Array> {
    this.#counters.masksAside++
    return await this.#masks.run(job)
  }

  counted(): void {
    this.#counters.masks++
  }

  waited(masks: number, ms: number): void {
    this.#counters.maskWaits += masks
    this.#counters.maskWaitMs += ms
  }

  steered(): void {
    this.#counters.steered++
  }

  stats(): GrammarStats {
    const restarts = this.#compiler.restarts + this.#masks.restarts
    return {
      ...this.#counters,
      ...{ cached: this.#entries.size, cachedMax: MOST_ENTRIES },
      ...{ cachedBytes: this.#bytes(), cachedBytesMax: this.#options.cacheBytes },
      restarts,
    }
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#compiler.dispose(), this.#masks.dispose()])
  }

  async #compile(constraint: Constraint): Promise<CompiledGrammar> {
    if (!this.#tree) {
      this.#tree = this.#masks.run({ type: 'tree' })
      this.#tree.catch(() => {
        this.#tree = undefined
      })
    }
    const [automaton, tree] = await Promise.all([
      this.#compiler.run({ type: 'compile', constraint }),
      this.#tree,
    ])
    const grammar = new CompiledGrammar(this, this.#numbers++, automaton, tree)
    // Needed by whoever asks first, and there before that.
    grammar.request(grammar.matcher.start)
    return grammar
  }

  #evict(): void {
    let bytes = this.#bytes()
    for (const [key, { grammar }] of this.#entries) {
      if (this.#entries.size <= MOST_ENTRIES && bytes <= this.#options.cacheBytes) return
      if (!grammar || this.#entries.size === 1) continue
      this.#entries.delete(key)
      bytes -= grammar.bytes
    }
  }

  #bytes(): number {
    const grammars = [...this.#entries.values()]
    return grammars.reduce((sum, { grammar }) => sum + (grammar?.bytes ?? 0), this.classes.bytes)
  }
}
