/** Plays a random life of an engine and checks, after every step and at the end, what must always hold. */
import assert from 'node:assert/strict'
import type { CoreStats } from '../../src/engine/engine-commands.ts'
import type { Sequence } from '../../src/engine/sequence.ts'
import { EngineDriver } from './engine-driver.ts'
import { halfRightDrafts } from './half-right-drafts.ts'
import {
  type Action,
  type Ask,
  BLOCK_SIZE,
  type Machine,
  NO_DEADLINE,
} from './schedule-arbitrary.ts'
import { type CheckedDecoder, ToyDecoder } from './toy-decoder.ts'

/** One request, from the outside. */
interface Submitted {
  readonly id: number
  readonly ask: Ask
  /** When the engine took it in; undefined before. */
  takenAt: number | undefined
  /** Events that it had when the engine had heard of its abort; undefined unless it was. */
  eventsAtAbort: number | undefined
  aborted: boolean
  readonly stopped: Set<number>
}

/** What happened often enough to have been tried; sums over runs. */
export interface Happened {
  preemptions: number
  prefixHits: number
  deadlines: number
  abortsWhileWaiting: number
  abortsWhileRunning: number
  stops: number
  forks: number
  fullCaches: number
  displacedBatches: number
  drafted: number
  accepted: number
  /** Of decoders with recurrent states alone. */
  fullSlots: number
  waitsForSlots: number
}

export const NOTHING_HAPPENED: Happened = {
  preemptions: 0,
  prefixHits: 0,
  deadlines: 0,
  abortsWhileWaiting: 0,
  abortsWhileRunning: 0,
  stops: 0,
  forks: 0,
  fullCaches: 0,
  displacedBatches: 0,
  drafted: 0,
  accepted: 0,
  fullSlots: 0,
  waitsForSlots: 0,
}

export class ScheduleRun {
  readonly engine: EngineDriver
  readonly #decoder: CheckedDecoder
  readonly #machine: Machine
  readonly #happened: Happened
  readonly #requests: Submitted[] = []

  constructor(decoder: CheckedDecoder, machine: Machine, happened: Happened) {
    this.#decoder = decoder
    this.#machine = machine
    this.#happened = happened
    this.engine = new EngineDriver(decoder, { ...machine, draft: halfRightDrafts })
  }

  async play(script: readonly Action[]): Promise<void> {
    for (const action of script) {
      if (action.do === 'submit') this.submit(action.ask)
      else if (action.do === 'step') await this.step()
      else this.#disturb(action)
    }
  }

  submit(ask: Ask): number {
    const id = this.engine.submit(ask)
    const request = { id, ask, takenAt: undefined, eventsAtAbort: undefined, aborted: false }
    this.#requests.push({ ...request, stopped: new Set() })
    return id
  }

  hasEnded(id: number): boolean {
    return this.#hasEnded(this.#requests.find((request) => request.id === id)!)
  }

  async step(): Promise<void> {
    const { engine } = this
    const before = new Map(engine.core.running.map((sequence) => [sequence.id, sequence]))
    const streams = engine.core.running
      .filter(({ choice, pending }) => choice !== undefined && pending === 1)
      .map((sequence) => ({ sequence, said: sequence.output.length }))
    const eventsBefore = this.#requests.map((request) => this.#events(request).length)
    for (const request of this.#requests) request.takenAt ??= engine.now
    const startedAt = engine.now
    const preempted = engine.core.takeStats().preemptions
    await engine.step()
    const hasDisplaced = engine.core.takeStats().preemptions > preempted
    for (const request of this.#requests)
      if (request.aborted) request.eventsAtAbort ??= this.#events(request).length
    this.#decoder.assertConsistent()
    this.#assertBounds()
    this.#assertInTurn(before, eventsBefore)
    for (const sequence of engine.core.running) {
      const held = this.#decoder.length(sequence.id)
      assert.equal(held, sequence.computed, 'positions that do not count are held')
    }
    // Whatever else is read beside it, a stream has something to say after every step. A batch's may have given way to
    // a live request and found a place again in the very same step: it has to read once more what was not kept.
    for (const { sequence, said } of streams) {
      const gaveWay = hasDisplaced && sequence.request.params.priority === 'batch'
      if (engine.core.running.includes(sequence) && !gaveWay)
        assert.ok(sequence.output.length > said, 'a stream stands still')
    }
    for (const request of this.#requests) {
      const isOverdue = startedAt >= request.takenAt! + request.ask.deadlineMs
      assert.ok(
        !isOverdue || this.#hasEnded(request),
        `request ${request.id} outlived its deadline`,
      )
    }
  }

  /** Runs until nothing is left to do. Every step computes something, so what is left bounds the steps. */
  async finish(): Promise<void> {
    for (let steps = 0; this.engine.core.hasWork; steps++) {
      assert.ok(steps < 4000, 'the engine does not come to an end')
      await this.step()
    }
    const { preemptions, prefixHits, draftedTokens, acceptedTokens } = this.engine.core.takeStats()
    this.#happened.drafted += draftedTokens
    this.#happened.accepted += acceptedTokens
    this.#happened.preemptions += preemptions
    this.#happened.prefixHits += prefixHits
    this.engine.core.clearPrefixCache()
    this.#decoder.assertConsistent()
    assert.equal(this.#decoder.kv.blocksUsed, 0, 'blocks leaked')
    assert.equal(this.#decoder.states?.slotsUsed ?? 0, 0, 'slots leaked')
    for (const request of this.#requests) await this.#assertEnd(request)
  }

  #disturb(action: Exclude<Action, { do: 'submit' | 'step' }>): void {
    if (this.#requests.length === 0) return
    const target = this.#requests[action.which % this.#requests.length]!
    const { id } = target
    if (action.do === 'stop') {
      this.engine.core.send({ type: 'stop', id, choice: action.choice })
      target.stopped.add(action.choice)
      this.#happened.stops++
      return
    }
    this.engine.core.send({ type: 'abort', id })
    if (this.#isRunning(target)) this.#happened.abortsWhileRunning++
    else if (!this.#hasEnded(target)) this.#happened.abortsWhileWaiting++
    target.aborted = true
  }

  #assertBounds(): void {
    const stats = this.engine.core.takeStats()
    const { running, kvBlocksUsed, kvBlocksCached, kvBlocksTotal } = stats
    const { maxRunning, prefixCacheBlocks, stepTokenBudget } = this.#machine
    assert.ok(running <= maxRunning, 'more run than may')
    assert.ok(kvBlocksCached <= prefixCacheBlocks, 'the prefix cache exceeds its bound')
    const used = this.#decoder.kv.blocksUsed
    // A block that a fork shares in part is counted for both until one of them writes to it.
    assert.ok(kvBlocksUsed + kvBlocksCached >= used, 'blocks without an owner')
    if (used === kvBlocksTotal) this.#happened.fullCaches++
    this.#assertStates(stats)
    const positions = this.#decoder.steps.at(-1) ?? []
    const prefill = positions.filter((n) => n > 1).reduce((sum, n) => sum + n, 0)
    assert.ok(prefill <= Math.max(stepTokenBudget, BLOCK_SIZE), 'over the budget')
  }

  /** Every sequence that runs finds two slots in a step, and each slot in use is somebody's. */
  #assertStates({ running, ...stats }: CoreStats): void {
    const { states } = this.#decoder
    if (!states) return
    const { stateSlotsUsed, stateSlotsCached, stateSlotsTotal } = stats
    assert.equal(stateSlotsTotal, states.slotsTotal)
    assert.equal(stateSlotsUsed + stateSlotsCached, states.slotsUsed, 'slots without an owner')
    assert.ok(2 * running <= stateSlotsTotal, 'more run than there are states for')
    if (states.slotsUsed === stateSlotsTotal) this.#happened.fullSlots++
    if (2 * (running + 1) > stateSlotsTotal && stats.waiting > 0) this.#happened.waitsForSlots++
  }

  /** Whoever began to run in this step went before nobody of better rank who waits. */
  #assertInTurn(before: ReadonlyMap<number, Sequence>, eventsBefore: readonly number[]): void {
    const after = this.engine.core.running
    const began = after.filter(({ id }) => !before.has(id))
    const wereRunning = new Set([...before.values()].map(({ request }) => request.id))
    this.#happened.forks += began.filter(({ request }) => wereRunning.has(request.id)).length
    const newcomers = this.#requests.filter(
      ({ id }) => !wereRunning.has(id) && began.some(({ request }) => request.id === id),
    )
    if (newcomers.length === 0) return
    const areRunning = new Set(after.map(({ request }) => request.id))
    for (const { request, id } of before.values())
      if (request.params.priority === 'batch' && !after.some((sequence) => sequence.id === id))
        if (this.engine.endings(request.id).length === 0) this.#happened.displacedBatches++
    for (const [i, waiting] of this.#requests.entries()) {
      const { id } = waiting
      const events = this.#events(waiting).length
      const ran = wereRunning.has(id) || areRunning.has(id) || events > eventsBefore[i]!
      if (ran || this.#hasEnded(waiting)) continue
      const rank = this.#rank(waiting)
      // Of equal rank, choices that were forked and found no slot are the youngest.
      const hasForked = events > 0
      for (const newcomer of newcomers) {
        const own = this.#rank(newcomer)
        const isInTurn = own < rank || (own === rank && (newcomer.id < id || hasForked))
        assert.ok(isInTurn, `request ${newcomer.id} went before ${id}, whose turn it was`)
      }
    }
  }

  /** First come, first served; batch requests as if they had come later. */
  #rank({ takenAt, ask }: Submitted): number {
    return takenAt! + (ask.priority === 'batch' ? this.#machine.batchPatienceMs : 0)
  }

  async #assertEnd(request: Submitted): Promise<void> {
    const { id, ask, stopped, aborted } = request
    const events = this.#events(request)
    const endings = this.engine.endings(id)
    const errors = events.filter(({ type }) => type === 'error')
    assert.ok(errors.length <= 1, 'an error said twice')
    if (errors.length === 1) {
      assert.equal(events.at(-1), errors[0], 'something after the error')
      assert.deepEqual(endings.at(-1), 'deadline_exceeded')
      assert.notEqual(ask.deadlineMs, NO_DEADLINE)
      this.#happened.deadlines++
    } else if (aborted) {
      assert.ok(endings.length <= ask.n)
      assert.equal(events.length, request.eventsAtAbort, 'something after the abort')
    } else {
      assert.equal(endings.length, ask.n, `request ${id} ended as ${endings}`)
    }
    const reads = events.flatMap(({ type }, i) => (type === 'prefill' ? [i] : []))
    assert.ok(reads.length <= 1, 'a prompt read twice')
    for (let choice = 0; choice < ask.n; choice++) {
      const own = events.filter((event) => 'choice' in event && event.choice === choice)
      const ends = own.filter(({ type }) => type === 'finish')
      assert.ok(ends.length <= 1, `choice ${choice} of ${id} ended ${ends.length} times`)
      if (ends.length === 1) assert.equal(own.at(-1), ends[0], 'a token after the end')
      if (own.some(({ type }) => type === 'token'))
        assert.ok(reads[0]! < events.indexOf(own[0]!), 'a token before the prompt was read')
      const key = textKey(ask, choice)
      const expected = texts.get(key) ?? (await undisturbed(ask, choice))
      texts.set(key, expected)
      const got = this.engine.ids(id, choice)
      const isWhole = ends.length === 1 && !stopped.has(choice)
      assert.deepEqual(got, isWhole ? expected : expected.slice(0, got.length))
    }
  }

  #hasEnded(request: Submitted): boolean {
    const endings = this.engine.endings(request.id)
    return (
      request.eventsAtAbort !== undefined ||
      endings.length === request.ask.n ||
      endings.includes('deadline_exceeded')
    )
  }

  #isRunning({ id }: Submitted): boolean {
    return this.engine.core.running.some(({ request }) => request.id === id)
  }

  #events({ id }: Submitted) {
    return this.engine.events.get(id)!
  }
}

/** Texts of one choice on an engine of its own, each computed once. */
const texts = new Map<string, readonly number[]>()

async function undisturbed(ask: Ask, choice: number): Promise<readonly number[]> {
  const seed = ask.sampling.seed! + choice
  const engine = new EngineDriver(new ToyDecoder())
  const sampling = { ...ask.sampling, seed }
  return await engine.answer({ ...ask, n: 1, sampling, deadlineMs: NO_DEADLINE })
}

function textKey(ask: Ask, choice: number): string {
  const parts = ask.prompt.map((part) =>
    part.kind === 'tokens' ? `${part.ids[0]}+${part.ids.length}` : part.features.key,
  )
  return `${parts} ${ask.maxTokens} ${ask.sampling.seed! + choice}`
}
