/** Decides what runs next: who is admitted, who gives way, and how many positions each sequence appends. */
import type { DecoderSession } from './backend.ts'
import { KvLedger } from './kv-ledger.ts'
import type { Sequence } from './sequence.ts'
import { compareRank, SequenceQueue } from './sequence-queue.ts'

export interface SchedulerOptions {
  /** Sequences that run at once. */
  readonly maxRunning: number
  /** Positions appended in one step, decoding and prefill together; of prompts alone where recurrent states are kept. */
  readonly stepTokenBudget: number
  /** Blocks that the prefix cache may hold; 0 switches prefix reuse off. */
  readonly prefixCacheBlocks: number
}

/** Guesses at a sequence's next tokens, at most so many. */
export type Draft = (sequence: Sequence, most: number) => readonly number[]

/** One sequence's share of a step: its next `take` positions, and behind them tokens that may turn out wrong. */
export interface PlannedRow {
  readonly sequence: Sequence
  readonly take: number
  readonly draft: readonly number[]
}

const NO_DRAFT: readonly number[] = []

/**
 * Waiting and running sequences, in order of rank: first come, first served, with batch requests placed as if
 * they had come later. Nothing here looks at tokens; a sequence that decodes is one with one pending position.
 */
export class Scheduler {
  readonly #ledger: KvLedger
  readonly #options: SchedulerOptions
  readonly #maxRunning: number
  readonly #waiting = new SequenceQueue()
  /** By rank, best first. */
  readonly #running: Sequence[] = []
  #preemptions = 0

  constructor(session: DecoderSession, options: SchedulerOptions) {
    this.#options = options
    this.#ledger = new KvLedger(session, options.prefixCacheBlocks)
    this.#maxRunning = Math.min(options.maxRunning, this.#ledger.mostRunning)
  }

  get running(): readonly Sequence[] {
    return this.#running
  }

  get numWaiting(): number {
    return this.#waiting.size
  }

  get preemptions(): number {
    return this.#preemptions
  }

  /** Prefixes that made room for others. */
  get prefixEvictions(): number {
    return this.#ledger.evictions
  }

  /** Blocks held by running sequences, and by the prefix cache alone. */
  get kvBlocks(): { used: number; cached: number } {
    return this.#ledger.count(this.#running)
  }

  /** Slots of recurrent states held by running sequences, and by the prefix cache alone. */
  get stateSlots(): { used: number; cached: number } {
    return this.#ledger.countStates(this.#running)
  }

  enqueue(sequence: Sequence): void {
    this.#waiting.add(sequence)
  }

  /**
   * The rows of the next step. Every decoding sequence gets its one position; what the budget leaves, at least
   * one block, goes to prompts in order of rank. May preempt; the rows fit into the KV cache, and each finds a slot for its new state.
   */
  schedule(): PlannedRow[] {
    this.#admit()
    const decoding = this.#running.filter((sequence) => sequence.pending === 1).length
    const whole = Math.max(this.#options.stepTokenBudget, this.#ledger.blockSize)
    let budget = Math.max(this.#options.stepTokenBudget - decoding, this.#ledger.blockSize)
    const more = whole - budget
    const rows: PlannedRow[] = []
    let planned = 0 // blocks that the rows so far will take
    // The loop may shorten the list behind itself: whoever gives way ranks behind the one that needs room.
    for (let i = 0; i < this.#running.length; i++) {
      const sequence = this.#running[i]!
      if (sequence.computed === 0) {
        if (this.#ledger.isBeingComputed(sequence, this.#running.slice(0, i))) continue
        this.#ledger.attachPrefix(sequence, this.#running)
        sequence.request.cachedTokens ??= sequence.computed
      }
      const take = sequence.pending === 1 ? 1 : this.#ledger.piece(sequence, budget, more)
      if (take === 0) continue
      if (!this.#makeRoom(sequence, take, planned)) break
      this.#ledger.makeRoomForStates(rows.length + 1)
      if (sequence.pending > 1) budget -= take
      planned += this.#ledger.blocksNeeded(sequence, take)
      rows.push({ sequence, take, draft: NO_DRAFT })
    }
    if (rows.length === 0 && this.#waiting.size > 0) {
      throw new Error('scheduler: sequences wait and none can run')
    }
    return rows
  }

  /**
   * The same rows with guesses behind those that decode, `mostDrafted` of all together, as far as the budget and the free blocks
   * go. Nobody gives way to a guess, and no kept prefix either.
   */
  withDrafts(rows: readonly PlannedRow[], mostDrafted: number, draft: Draft): PlannedRow[] {
    const ledger = this.#ledger
    let budget = this.#options.stepTokenBudget
    let free = ledger.free
    for (const { sequence, take } of rows) {
      budget -= take
      free -= ledger.blocksNeeded(sequence, take)
    }
    budget = Math.min(budget, mostDrafted)
    return rows.map((row) => {
      const { sequence, take } = row
      if (sequence.choice === undefined || sequence.pending !== 1 || budget <= 0) return row
      // The last token of an answer is not read, so nothing is guessed behind it.
      const most = Math.min(budget, sequence.maxLength - sequence.length)
      const guessed = most > 0 ? draft(sequence, most) : NO_DRAFT
      const needed = ledger.blocksNeeded(sequence, take)
      const more = ledger.blocksNeeded(sequence, take + guessed.length) - needed
      if (guessed.length === 0 || more > free) return row
      budget -= guessed.length
      free -= more
      return { ...row, draft: guessed }
    })
  }

  /** Records that a row of the plan has run; of its draft nothing counts yet. */
  advance({ sequence, take }: PlannedRow): void {
    this.#ledger.append(sequence, take)
  }

  /** Records that the next token of a draft was right. */
  accept(sequence: Sequence): void {
    this.#ledger.append(sequence, 1)
  }

  /** Gives back what a draft has left behind what was accepted of it. */
  dropDraft(sequence: Sequence): void {
    this.#ledger.dropDraft(sequence)
  }

  /**
   * Starts `child` with the `parent`'s KV, if a place is free; otherwise it waits and reads the prompt on its
   * own, helped by the prefix cache. Returns whether it runs.
   */
  fork(child: Sequence, parent: Sequence): boolean {
    if (this.#running.length >= this.#maxRunning) {
      this.enqueue(child)
      return false
    }
    this.#ledger.fork(child, parent, parent.computed)
    this.#run(child)
    return true
  }

  /** Forgets a sequence, waiting or running; its full blocks go to the prefix cache if `keep`. */
  release(sequence: Sequence, { keep }: { keep: boolean }): void {
    if (this.#waiting.remove(sequence)) return
    const index = this.#running.indexOf(sequence)
    if (index < 0) return
    this.#running.splice(index, 1)
    this.#ledger.release(sequence, keep)
  }

  isRunning(sequence: Sequence): boolean {
    return this.#running.includes(sequence)
  }

  /** Takes a sequence out, to be enqueued again later; what it had is kept as of one that gave way. */
  withdraw(sequence: Sequence): void {
    if (this.#waiting.remove(sequence)) return
    this.#running.splice(this.#running.indexOf(sequence), 1)
    this.#ledger.release(sequence, true)
    this.#preemptions++
  }

  /** Gives up everything that the prefix cache holds. */
  clearPrefixCache(): void {
    this.#ledger.clearPrefixCache()
  }

  #admit(): void {
    for (let head = this.#waiting.first; head; head = this.#waiting.first) {
      const hasPlace = this.#running.length < this.#maxRunning
      if (hasPlace && this.#ledger.fits(head, this.#running)) {
        this.#waiting.remove(head)
        this.#run(head)
      } else {
        const victim = this.#batchBehind(head)
        if (!victim) return
        this.#preempt(victim)
      }
    }
  }

  /** The last running batch sequence that a live one at the head of the line may displace. */
  #batchBehind(head: Sequence): Sequence | undefined {
    if (head.request.params.priority !== 'live') return undefined
    return this.#running.findLast(
      (sequence) => sequence.request.params.priority === 'batch' && compareRank(head, sequence) < 0,
    )
  }

  /** Frees blocks until the row fits beside those planned; false when the sequence itself had to give way. */
  #makeRoom(sequence: Sequence, take: number, planned: number): boolean {
    while (this.#ledger.blocksNeeded(sequence, take) + planned > this.#ledger.free) {
      if (this.#ledger.reclaim()) continue
      const last = this.#running.at(-1)!
      this.#preempt(last)
      if (last === sequence) return false
    }
    return true
  }

  #run(sequence: Sequence): void {
    const behind = this.#running.findIndex((other) => compareRank(sequence, other) < 0)
    this.#running.splice(behind < 0 ? this.#running.length : behind, 0, sequence)
  }

  /** Back into the line, at its old place; what is lost of its KV is computed again. */
  #preempt(sequence: Sequence): void {
    this.#running.splice(this.#running.indexOf(sequence), 1)
    this.#ledger.release(sequence, true)
    this.#waiting.add(sequence)
    this.#preemptions++
  }
}
