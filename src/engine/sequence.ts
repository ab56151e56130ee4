/** What the engine knows of a request, and of each of its answers while they are written. */
import type { CompiledGrammar } from '../grammar/grammars.ts'
import type { SequenceId } from './backend.ts'
import { type BlockHash, blockHash, rootHash } from './block-hash.ts'
import { ConstrainedAnswer } from './constrained.ts'
import type { TokenHistory } from './logits-processor.ts'
import { Prompt, type Span } from './prompt.ts'
import { PromptLookup } from './prompt-lookup.ts'
import { TokenRandom } from './random.ts'
import type { EngineTimings, GenerateRequest } from './types.ts'

export type RequestId = number

/** A request from submission until its last answer ends. */
export class ActiveRequest {
  readonly id: RequestId
  readonly params: GenerateRequest
  readonly prompt: Prompt
  readonly seed: bigint
  /** What its blocks are named from: salt and adapter. */
  readonly rootHash: BlockHash
  readonly submittedAt: number
  readonly deadlineAt: number
  /** Place in line; smaller is served first. */
  readonly rank: number
  /** What every answer has to keep to. */
  readonly grammar: CompiledGrammar | undefined
  admittedAt: number | undefined
  promptReadAt: number | undefined
  /** Tokens of the prompt that need no log probability any more: the first has none. */
  scored = 1
  /** Positions that need not be computed when it was first scheduled. */
  cachedTokens: number | undefined
  /** Choices that have no sequence of their own yet: until the prompt is read, one sequence stands for all. */
  unborn: number[]
  /** Sequences that wait or run. */
  readonly sequences = new Set<Sequence>()

  /** `now` in milliseconds; `batchPatienceMs` is how much longer than a live request a batch one may wait. */
  constructor(
    id: RequestId,
    params: GenerateRequest,
    {
      now,
      seed,
      batchPatienceMs,
      grammar,
      adapterDigest,
    }: {
      now: number
      seed: bigint
      batchPatienceMs: number
      adapterDigest?: string | undefined
      grammar?: CompiledGrammar | undefined
    },
  ) {
    this.id = id
    this.params = params
    this.prompt = new Prompt(params.prompt)
    this.seed = seed
    this.rootHash = rootHash(params.cacheSalt ?? '', adapterDigest)
    this.grammar = grammar
    this.submittedAt = now
    this.deadlineAt = now + params.deadlineMs
    this.rank = now + (params.priority === 'batch' ? batchPatienceMs : 0)
    this.unborn = Array.from({ length: params.n }, (_, choice) => choice)
  }

  /** How long it waited, read and wrote until `now`. */
  timings(now: number): EngineTimings {
    const { submittedAt, admittedAt, promptReadAt } = this
    return {
      queueMs: (admittedAt ?? now) - submittedAt,
      prefillMs: admittedAt === undefined ? 0 : (promptReadAt ?? now) - admittedAt,
      decodeMs: promptReadAt === undefined ? 0 : now - promptReadAt,
    }
  }
}

/** One answer: the prompt, the tokens chosen so far, and how much of both is in the KV cache. */
export class Sequence implements TokenHistory {
  readonly id: SequenceId
  readonly request: ActiveRequest
  /** Token ids chosen so far. */
  readonly output: number[] = []
  readonly outputCounts = new Map<number, number>()
  /** Positions in the KV cache. */
  computed = 0
  /**
   * Identities of the KV blocks it holds, in order: equal numbers in two sequences are one block that they
   * share. Mirrors the session's bookkeeping, which the scheduler cannot see.
   */
  blocks: readonly number[] = []
  /** Tokens that were computed on trial, and those of them that were then chosen. */
  drafted = 0
  accepted = 0
  /** Names of its full blocks, as far as they were asked for. */
  readonly #hashes: BlockHash[] = []
  /** Where the answer stands in its grammar; undefined without one. All begin alike, so before the prompt is read it stands for all. */
  readonly constrained: ConstrainedAnswer | undefined
  #choice: number | undefined
  #random: TokenRandom | undefined
  #lookup: PromptLookup | undefined

  constructor(id: SequenceId, request: ActiveRequest) {
    this.id = id
    this.request = request
    this.constrained = request.grammar && new ConstrainedAnswer(request.grammar)
  }

  /** The choice it writes; undefined until the prompt is read. */
  get choice(): number | undefined {
    return this.#choice
  }

  /** Becomes the sequence of one choice. */
  beChoice(choice: number): void {
    this.#choice = choice
    this.#random = new TokenRandom(this.request.seed, choice)
  }

  /** Positions known: prompt and answer. */
  get length(): number {
    return this.request.prompt.length + this.output.length
  }

  /** Positions known and not yet in the KV cache; 1 while decoding. */
  get pending(): number {
    return this.length - this.computed
  }

  /** Most positions it will ever hold: the last token chosen need not be read. */
  get maxLength(): number {
    return this.request.prompt.length + Math.max(this.request.params.maxTokens, 1) - 1
  }

  /** It reads a prompt whose every token is to be told how probable it is. */
  get isScored(): boolean {
    return this.#choice === undefined && this.request.params.promptLogprobs !== undefined
  }

  get promptIds(): ReadonlySet<number> {
    return this.request.prompt.tokenIds
  }

  /** The random number that decides the next token. */
  uniform(): number {
    return this.#random!.uniform(this.output.length)
  }

  push(id: number): void {
    this.constrained?.accept(id)
    this.output.push(id)
    this.#lookup?.push(id)
    this.outputCounts.set(id, (this.outputCounts.get(id) ?? 0) + 1)
  }

  /**
   * Guesses at its next tokens: of what its grammar prescribes, else by {@link PromptLookup.draft}. From the first call on, every token is
   * compared with one.
   */
  draft(most: number, least: number): readonly number[] {
    // Nothing is as likely as that: what is never followed is not looked up.
    if (least >= 1) return []
    const forced = this.constrained?.forced(most, least) ?? []
    if (forced.length > 0) return forced
    if (!this.#lookup) {
      this.#lookup = new PromptLookup(this.request.prompt)
      for (const id of this.output) this.#lookup.push(id)
    }
    return this.#lookup.draft(most, least)
  }

  /** What lies at positions [from, to). */
  spans(from: number, to: number): Span[] {
    const { prompt } = this.request
    const spans = from < prompt.length ? prompt.spans(from, Math.min(to, prompt.length)) : []
    if (to > prompt.length) {
      const first = Math.max(from - prompt.length, 0)
      const ids = Int32Array.from(this.output.slice(first, to - prompt.length))
      spans.push({ kind: 'tokens', ids })
    }
    return spans
  }

  /** Names of the full blocks of its first `positions` positions. */
  hashes(positions: number, blockSize: number): readonly BlockHash[] {
    const count = Math.floor(positions / blockSize)
    while (this.#hashes.length < count) {
      const start = this.#hashes.length * blockSize
      const previous = this.#hashes.at(-1) ?? this.request.rootHash
      this.#hashes.push(blockHash(previous, this.spans(start, start + blockSize)))
    }
    return this.#hashes
  }
}
