/** The step loop: schedule, run, post-process. Lives in the engine worker; tests drive it by hand. */
import { randomBytes } from 'node:crypto'
import { AerieError, toWireError } from '../errors.ts'
import { freeMemory } from '../free-memory.ts'
import type { CompiledGrammar } from '../grammar/grammars.ts'
import type { DecoderSession, Row, Segment, StepResult } from './backend.ts'
import { awaitMasks, MaskedLogits } from './constrained.ts'
import { toSegment } from './prompt.ts'
import { Sampler, type TokenSampler } from './sampler.ts'
import { type PlannedRow, Scheduler, type SchedulerOptions } from './scheduler.ts'
import { ActiveRequest, type RequestId, Sequence } from './sequence.ts'
import { Speculation, type SpeculationOptions } from './speculation.ts'
import type { EngineStats, GenerateRequest, GenerationEvent } from './types.ts'

export interface EngineCoreOptions extends SchedulerOptions, SpeculationOptions {
  /** Milliseconds by which a batch request is placed behind live ones of its age; it waits no longer than that for them. */
  readonly batchPatienceMs: number
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Hears of every failure of the backend, once. */
  readonly onFailure: (error: AerieError) => void
  /** Hears of each step that had to wait for masks of grammars, and of answers that were brought to their end. */
  readonly onMaskWait?: (masks: number, ms: number) => void
  readonly onSteered?: () => void
}

/** What the outside asks of the engine; takes effect at the beginning of the next step. */
export type Command =
  | {
      readonly type: 'generate'
      readonly id: RequestId
      readonly request: GenerateRequest
      /** What its constraint was compiled to. */
      readonly grammar?: CompiledGrammar
    }
  | { readonly type: 'abort'; readonly id: RequestId }
  | { readonly type: 'stop'; readonly id: RequestId; readonly choice: number }

export type RequestEvent = readonly [id: RequestId, event: GenerationEvent]

export type CoreStats = Omit<
  EngineStats,
  'maxRunning' | 'maxWaiting' | 'kvBlocksCachedMax' | 'kvCacheType' | 'grammars'
>

/** One decoder and the requests on it. `step` calls must not overlap. */
export class EngineCore {
  readonly #session: DecoderSession
  readonly #options: EngineCoreOptions
  readonly #scheduler: Scheduler
  readonly #sampler: TokenSampler
  readonly #speculation: Speculation
  readonly #masked: MaskedLogits
  readonly #requests = new Map<RequestId, ActiveRequest>()
  readonly #inbox: Command[] = []
  #events: RequestEvent[] = []
  #batchSizes: number[] = []
  #nextSequence = 0
  /** Since the start. */
  readonly #counters = {
    steps: 0,
    promptTokens: 0,
    cachedPromptTokens: 0,
    prefixHits: 0,
    prefixMisses: 0,
    generatedTokens: 0,
    draftedTokens: 0,
    acceptedTokens: 0,
    aborted: 0,
  }

  constructor(session: DecoderSession, options: EngineCoreOptions) {
    this.#session = session
    this.#options = options
    this.#scheduler = new Scheduler(session, options)
    this.#sampler = session.sampler ?? new Sampler(session.vocabSize)
    this.#masked = new MaskedLogits(session.vocabSize)
    // What a recurrent state has read cannot be taken back.
    this.#speculation = new Speculation(
      session.states ? { maxDraftTokens: 0 } : options,
      session.vocabSize,
    )
  }

  /** Whether another step has anything to do. */
  get hasWork(): boolean {
    return this.#inbox.length > 0 || this.#requests.size > 0
  }

  /** Sequences that run now, best rank first. */
  get running(): readonly Sequence[] {
    return this.#scheduler.running
  }

  send(command: Command): void {
    this.#inbox.push(command)
  }

  /**
   * Takes in commands, ends what is overdue, and runs one batch. A failing backend ends the requests of that
   * batch with `backend_failure`; a rejection of this promise is a defect.
   */
  async step(): Promise<void> {
    for (const command of this.#inbox.splice(0)) this.#obey(command)
    this.#expire()
    const plan = this.#speculation.extend(this.#scheduler.schedule(), this.#scheduler)
    if (plan.length === 0) return
    this.#counters.steps++
    this.#batchSizes.push(plan.length)
    const startedAt = this.#options.now()
    for (const { sequence } of plan) sequence.request.admittedAt ??= startedAt
    const results = await this.#run(plan)
    if (!results) return
    await this.#awaitMasks(plan)
    this.#process(plan, results)
    this.#speculation.observe(plan, this.#options.now() - startedAt)
    for (const { values } of results) if (values) freeMemory(values.buffer)
  }

  /** The events since the last call, in order. */
  takeEvents(): RequestEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  /** Counters now; batch sizes since the last call. */
  takeStats(): CoreStats {
    const { used, cached } = this.#scheduler.kvBlocks
    const stateSlots = this.#scheduler.stateSlots
    const batchSizes = this.#batchSizes
    this.#batchSizes = []
    return {
      running: this.#scheduler.running.length,
      waiting: this.#scheduler.numWaiting,
      kvBlocksUsed: used,
      kvBlocksCached: cached,
      kvBlocksTotal: this.#session.kv.blocksTotal,
      stateSlotsUsed: stateSlots.used,
      stateSlotsCached: stateSlots.cached,
      stateSlotsTotal: this.#session.states?.slotsTotal ?? 0,
      ...this.#counters,
      preemptions: this.#scheduler.preemptions,
      prefixEvictions: this.#scheduler.prefixEvictions,
      batchSizes,
    }
  }

  /** Gives up everything that the prefix cache holds. */
  clearPrefixCache(): void {
    this.#scheduler.clearPrefixCache()
  }

  #obey(command: Command): void {
    if (command.type === 'generate') {
      this.#submit(command.id, command.request, command.grammar)
      return
    }
    // The request may have ended while the command was on its way.
    const request = this.#requests.get(command.id)
    if (!request) return
    if (command.type === 'stop') {
      this.#stop(request, command.choice)
    } else {
      this.#counters.aborted++
      this.#end(request, { keep: true })
    }
  }

  #submit(id: RequestId, params: GenerateRequest, grammar: CompiledGrammar | undefined): void {
    const { seed } = params.sampling
    const stopTokenIds = this.#known(params.stopTokenIds)
    const request = new ActiveRequest(
      id,
      { ...params, stopTokenIds },
      {
        now: this.#options.now(),
        seed: seed === undefined ? randomBytes(8).readBigUInt64LE() : BigInt(Math.trunc(seed)),
        batchPatienceMs: this.#options.batchPatienceMs,
        grammar,
      },
    )
    this.#requests.set(id, request)
    this.#scheduler.enqueue(this.#newSequence(request))
  }

  /** A tokenizer may have more ids than the decoder has logits for; samplers forbid only what has one. */
  #known(ids: ReadonlySet<number>): ReadonlySet<number> {
    const { vocabSize } = this.#session
    return new Set([...ids].filter((id) => Number.isInteger(id) && id >= 0 && id < vocabSize))
  }

  #newSequence(request: ActiveRequest): Sequence {
    const sequence = new Sequence(this.#nextSequence++, request)
    request.sequences.add(sequence)
    return sequence
  }

  #expire(): void {
    const now = this.#options.now()
    for (const request of this.#requests.values()) {
      if (now < request.deadlineAt) continue
      const { deadlineMs } = request.params
      const state =
        request.promptReadAt === undefined ? 'its prompt was not read' : 'it was not done'
      this.#fail(
        request,
        new AerieError('deadline_exceeded', `deadline of ${deadlineMs} ms: ${state} by then`),
      )
    }
  }

  async #run(plan: readonly PlannedRow[]): Promise<StepResult[] | undefined> {
    try {
      return await this.#session.step(plan.map((row) => this.#toRow(row)))
    } catch (error) {
      const failure = this.#failure(error)
      for (const { sequence } of plan) this.#fail(sequence.request, failure)
      return undefined
    }
  }

  #toRow({ sequence, take, draft }: PlannedRow): Row {
    const from = sequence.computed
    const { hiddenSize } = this.#session
    const known = sequence.spans(from, from + take).map((span) => toSegment(span, hiddenSize))
    const guessed: Segment = { kind: 'tokens', ids: Int32Array.from(draft) }
    return {
      sequence: sequence.id,
      input: draft.length > 0 ? [...known, guessed] : known,
      want: take === sequence.pending ? 'logits' : 'none',
      wantLast: 1 + draft.length,
    }
  }

  async #awaitMasks(plan: readonly PlannedRow[]): Promise<void> {
    const startedAt = this.#options.now()
    const masks = await awaitMasks(plan, (request, error) =>
      this.#fail(request, this.#failure(error)),
    )
    if (masks > 0) this.#options.onMaskWait?.(masks, this.#options.now() - startedAt)
  }

  /** Post-processing: what ran is recorded first, so that KV taken from a sequence below is complete. */
  #process(plan: readonly PlannedRow[], results: readonly StepResult[]): void {
    for (const row of plan) this.#scheduler.advance(row)
    plan.forEach(({ sequence, draft }, i) => {
      const logits = results[i]?.values
      // The request may have failed a moment ago, in another of its choices.
      if (!logits || !sequence.request.sequences.has(sequence)) return
      try {
        if (sequence.choice === undefined) this.#bear(sequence, logits)
        else this.#verify(sequence, draft, logits)
      } catch (error) {
        this.#fail(sequence.request, this.#failure(error))
      }
    })
  }

  /** The prompt has been read: the one sequence that read it becomes as many as there are choices. */
  #bear(stem: Sequence, logits: Float32Array): void {
    const { request } = stem
    const promptTokens = request.prompt.length
    const cachedTokens = request.cachedTokens ?? 0
    request.promptReadAt = this.#options.now()
    this.#counters.promptTokens += promptTokens
    this.#counters.cachedPromptTokens += cachedTokens
    this.#counters[cachedTokens > 0 ? 'prefixHits' : 'prefixMisses']++
    this.#emit(request, { type: 'prefill', promptTokens, cachedTokens })
    const [first, ...others] = request.unborn
    request.unborn = []
    stem.beChoice(first!)
    const forked = others.flatMap((choice) => {
      const child = this.#newSequence(request)
      child.beChoice(choice)
      return this.#scheduler.fork(child, stem) ? [child] : []
    })
    for (const sequence of [stem, ...forked]) this.#sample(sequence, logits)
  }

  /**
   * Chooses a token behind what was known and behind each guess that came true, as if they had been computed one by one:
   * `logits` are [1 + draft, vocab], and what was chosen is not asked to be what was guessed. So answers are those of an
   * engine that does not guess.
   */
  #verify(sequence: Sequence, draft: readonly number[], logits: Float32Array): void {
    const { vocabSize } = this.#session
    sequence.drafted += draft.length
    this.#counters.draftedTokens += draft.length
    for (let i = 0; i <= draft.length; i++) {
      const behind = logits.subarray(i * vocabSize, (i + 1) * vocabSize)
      const id = this.#sample(sequence, behind, draft[i])
      if (id === undefined) return
      if (id !== draft[i]) break
      this.#scheduler.accept(sequence)
    }
    if (draft.length > 0) this.#scheduler.dropDraft(sequence)
  }

  /** The token that was chosen; undefined when the sequence has ended. `guess` is what it was thought to be. */
  #sample(sequence: Sequence, logits: Float32Array, guess?: number): number | undefined {
    const { params } = sequence.request
    const choice = sequence.choice!
    const forbidden = sequence.output.length < params.minTokens ? params.stopTokenIds : undefined
    const uniform = () => sequence.uniform()
    const { constrained } = sequence
    const token = constrained
      ? constrained.choose(this.#sampler, this.#masked, logits, sequence, forbidden !== undefined)
      : this.#sampler.sample(logits, params.sampling, sequence, uniform, forbidden)
    this.#counters.generatedTokens++
    if (token.id === guess) {
      sequence.accepted++
      this.#counters.acceptedTokens++
    }
    // What was brought to its end for want of room ends by its length, complete as it is.
    const ended = constrained?.isSteered ? 'length' : 'stop'
    if (params.stopTokenIds.has(token.id)) {
      this.#finish(sequence, ended)
      return undefined
    }
    sequence.push(token.id)
    this.#emit(sequence.request, { type: 'token', choice, ...token })
    if (constrained?.isComplete) {
      this.#finish(sequence, ended)
      return undefined
    }
    if (sequence.output.length < params.maxTokens) return token.id
    this.#finish(sequence, 'length')
    return undefined
  }

  /** Ends one choice from outside, as when a stop string was found. */
  #stop(request: ActiveRequest, choice: number): void {
    const sequence = [...request.sequences].find((candidate) => candidate.choice === choice)
    if (sequence) {
      this.#finish(sequence, 'stop')
    } else if (request.unborn.includes(choice)) {
      request.unborn = request.unborn.filter((other) => other !== choice)
      this.#emitFinish(request, choice, 'stop')
      if (request.unborn.length === 0) this.#end(request, { keep: true })
    }
  }

  #finish(sequence: Sequence, reason: 'stop' | 'length'): void {
    const { request } = sequence
    if (sequence.constrained?.isSteered) this.#options.onSteered?.()
    this.#emitFinish(request, sequence.choice!, reason, sequence)
    this.#scheduler.release(sequence, { keep: true })
    request.sequences.delete(sequence)
    if (request.sequences.size === 0) this.#requests.delete(request.id)
  }

  /** Ends a whole request. After a backend failure its KV cannot be trusted: nothing is kept. */
  #fail(request: ActiveRequest, error: AerieError): void {
    if (!this.#requests.has(request.id)) return
    this.#emit(request, { type: 'error', error: toWireError(error) })
    this.#end(request, { keep: error.code === 'deadline_exceeded' })
  }

  #end(request: ActiveRequest, { keep }: { keep: boolean }): void {
    for (const sequence of request.sequences) this.#scheduler.release(sequence, { keep })
    request.sequences.clear()
    this.#requests.delete(request.id)
  }

  /** Absent counts: the choice never ran. */
  #emitFinish(
    request: ActiveRequest,
    choice: number,
    reason: 'stop' | 'length',
    { drafted, accepted }: Pick<Sequence, 'drafted' | 'accepted'> = { drafted: 0, accepted: 0 },
  ): void {
    const timings = request.timings(this.#options.now())
    this.#emit(request, { type: 'finish', choice, reason, timings, drafted, accepted })
  }

  #emit(request: ActiveRequest, event: GenerationEvent): void {
    this.#events.push([request.id, event])
  }

  /**
   * Whatever a backend or the sampler throws, as a failure of the backend with its cause kept for the log: requests
   * are checked before they come here, so no other code would be true for every request of a step.
   */
  #failure(error: unknown): AerieError {
    // A grammar can turn out too ambiguous, or beyond what the vocabulary spells.
    if (error instanceof AerieError && error.code === 'invalid_request') return error
    const failure =
      error instanceof AerieError && error.code === 'backend_failure'
        ? error
        : new AerieError('backend_failure', `the decoder failed: ${String(error)}`, {
            cause: error,
          })
    this.#options.onFailure(failure)
    return failure
  }
}
