/**
 * Runners of batches over one database and one store of files, with routes that answer when and as the schedule says: servers die in
 * the middle of anything, stop, fall silent and are replaced, batches are cancelled and expire, disks fill and empty again.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import type { BatchRecords, LineResult, TakenLine } from '../../src/batches/batch-records.ts'
import { type Batch, ENDED } from '../../src/batches/contract.ts'
import type { LineAnswer, LineRequest } from '../../src/batches/dispatch.ts'
import { RECORDS_METHODS } from '../../src/batches/records-messages.ts'
import { BatchRunner } from '../../src/batches/runner.ts'
import { SqliteBatchRecords } from '../../src/batches/sqlite-records.ts'
import { AerieError } from '../../src/errors.ts'
import type { FileStore } from '../../src/files/contract.ts'
import { newBatch, newLine, TENANT, WINDOW } from './batch-model.ts'
import { ToyFiles } from './toy-files.ts'

const SERVERS = 3
const MEDIA = ['red', undefined, 'blue', undefined, 'red']
const CONCURRENCY = 3
const MAX_MEDIA = 2
/** Of the schedule's clock; servers are believed in for six times as long. */
const BEAT_SECONDS = 20
/** Of answering all that is asked, with a second of the schedule's clock in each; then that clock stands still. */
const ROUNDS = 400
/** Waits between attempts are of the machine's clock, and grow with the time that a machine takes which does other things. */
const HANGS_MS = 60_000
/** What a full disk refuses. */
const WRITES = ['storeResults', 'planFiles', 'end', 'takeLines', 'takeTask', 'beat']
const READER = 'reader'

export type Answer = 'done' | 'busy' | 'failure' | 'defect'

interface Pending {
  readonly request: LineRequest
  readonly line: TakenLine
  readonly resolve: (answer: LineAnswer) => void
  readonly reject: (error: Error) => void
}

interface Server {
  readonly runner: BatchRunner
  isAlive: boolean
  /** Lines that it had, by batch and line. */
  readonly taken: Map<string, TakenLine>
  /** Those that it had twice, as they were taken from it when it was silent: which attempt is which, the route cannot tell. */
  readonly twice: Set<string>
  readonly pending: Set<Pending>
}

interface Kept {
  readonly ok: boolean
  readonly text: string
}

/** How often what happened, over all schedules. */
export const seen = { deaths: 0, cutOff: 0, late: 0, refused: 0, lines: 0 }

let batches = 0
let attempts = 0

const keyOf = (batchId: string, line: number) => `${batchId} ${line}`

export class RunnerSchedule {
  /** Names of servers of whose death the others know at once. */
  readonly #known = new Set<string>()
  readonly #records = new SqliteBatchRecords(':memory:', (name) => this.#known.has(name))
  readonly #files = new ToyFiles()
  readonly #batches = new Map<string, { readonly lines: number; readonly expiresAt: number }>()
  readonly #kept = new Map<string, Kept>()
  readonly #servers: Server[]
  #isDiskFull = false
  #now = 100
  /** The first thing that must not be, seen where the runner would take it for a fault of the route or the disk. */
  #violation: unknown

  constructor() {
    this.#servers = Array.from({ length: SERVERS }, () => this.#open())
  }

  async run(steps: readonly Step[]): Promise<void> {
    this.create(5)
    for (const step of steps) {
      await step(this)
      await turn()
      this.#throwViolation()
    }
    await this.#settle()
    for (const { runner } of this.#servers) await inTime(runner.dispose(), 'a server to stop')
    this.#check()
    this.#records.close()
  }

  wait(seconds: number): void {
    this.#now += seconds
    for (const { runner } of this.#servers) runner.wake()
  }

  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await turn()
  }

  /** A batch whose input was read. */
  create(lines: number): void {
    const batch: Batch = newBatch(++batches, this.#now)
    const { id, expiresAt } = batch
    if (!this.#records.insert(batch, { maxBatches: 3 })) return
    this.#records.beat(READER, this.#now, Number.MAX_SAFE_INTEGER)
    const others: string[] = []
    for (;;) {
      const task = this.#records.takeTask(READER, this.#now)
      assert.ok(task)
      if (task.batch.id === id) break
      others.push(task.batch.id)
    }
    for (const other of others) this.#records.dropTask(READER, other, 0)
    const all = Array.from({ length: lines }, (_, i) => newLine(i + 1, MEDIA[i % MEDIA.length]))
    const progress = { bytes: 0, lines, faults: [] }
    assert.deepEqual(this.#records.addLines(READER, id, all, progress, 1e6), [])
    assert.ok(this.#records.endReading(READER, id, { faults: [], model: 'm' }, this.#now))
    this.#batches.set(id, { lines, expiresAt })
    seen.lines += lines
    for (const { runner } of this.#servers) runner.wake()
  }

  answer(server: number, which: number, answer: Answer): void {
    const { pending } = this.#servers[server]!
    const one = [...pending][which % Math.max(1, pending.size)]
    if (!one) return
    pending.delete(one)
    if (answer === 'defect') one.reject(new Error('a defect'))
    else one.resolve(answerTo(one, answer))
  }

  /** It is gone in the middle of what it does; another takes its place. */
  die(index: number, isKnown: boolean): void {
    const server = this.#servers[index]!
    seen.deaths++
    seen.cutOff += server.pending.size
    server.isAlive = false
    if (isKnown) this.#known.add(server.runner.server)
    // Only its timer: whatever else it wants to do comes to nothing.
    void server.runner.dispose()
    this.#servers[index] = this.#open()
  }

  async stop(index: number): Promise<void> {
    await inTime(this.#servers[index]!.runner.dispose(), 'a server to stop')
    this.#servers[index] = this.#open()
  }

  cancel(which: number, server: number): void {
    const id = [...this.#batches.keys()][which % this.#batches.size]
    if (id === undefined) return
    this.#records.cancel(TENANT, id, this.#now)
    this.#servers[server]!.runner.stop(id)
  }

  fail(what: 'disk' | 'files' | 'bytes', isSo: boolean): void {
    if (what === 'disk') this.#isDiskFull = isSo
    else if (what === 'files') this.#files.isBroken = isSo
    else this.#files.isFull = isSo
  }

  #open(): Server {
    const taken = new Map<string, TakenLine>()
    const pending = new Set<Pending>()
    const gate = <T>(work: () => T) => this.#through(server, work)
    const server: Server = {
      ...{ taken, pending, twice: new Set(), isAlive: true },
      runner: new BatchRunner({
        records: this.#recordsOf(() => server),
        // Runners call nothing else of it.
        files: this.#files.ofServer(gate) as FileStore,
        dispatch: (request) => this.#dispatch(server, request),
        rules: { models: ['m'], maxLineBytes: 1000, maxLines: 1000 },
        ...{ maxWaitingLines: 1000, concurrency: CONCURRENCY, maxMedia: MAX_MEDIA, maxBytes: 1000 },
        ...{ maxStoredBytes: 1e6, keptSeconds: 1e6, nowMs: () => this.#now * 1000 },
        logger: { info() {}, warn() {}, error() {} },
        timing: { beatMs: BEAT_SECONDS * 1000, retryMs: 1 },
      }),
    }
    return server
  }

  /** What a dead server asks is never answered; one may die while it waits for an answer, too. */
  async #through<T>(server: Server, work: () => T): Promise<T> {
    if (!server.isAlive) return await new Promise<never>(() => undefined)
    await turn()
    if (!server.isAlive) return await new Promise<never>(() => undefined)
    const result = work()
    await turn()
    return server.isAlive ? result : await new Promise<never>(() => undefined)
  }

  #recordsOf(server: () => Server): BatchRecords {
    const methods = RECORDS_METHODS.map((name) => {
      // The type of a method ties its arguments to its name, which is more than the compiler can follow here.
      const method = this.#records[name] as (...args: readonly unknown[]) => unknown
      const call = (...args: unknown[]) =>
        this.#through(server(), () => {
          if (this.#isDiskFull && WRITES.includes(name))
            throw new AerieError('insufficient_storage', 'batches: the disk is full')
          const result = method.apply(this.#records, args)
          this.#expect(() => {
            if (name === 'takeLines') this.#noteTaken(server(), result as TakenLine[])
            if (name === 'storeResults') this.#noteKept(args[1] as LineResult[], Number(result))
          })
          return result
        })
      return [name, call] as const
    })
    return Object.fromEntries(methods) as unknown as BatchRecords
  }

  #noteTaken({ taken, twice }: Server, lines: readonly TakenLine[]): void {
    for (const line of lines) {
      const key = keyOf(line.batchId, line.line)
      assert.ok(!this.#kept.has(key), `${key} is taken and has a result`)
      if (taken.has(key)) twice.add(key)
      taken.set(key, line)
    }
  }

  #noteKept(results: readonly LineResult[], count: number): void {
    let found = 0
    for (const { batchId, line, ok, text } of results) {
      const [there] = this.#records.results(batchId, ok, line - 1, 1)
      if (there?.line !== line || !Buffer.from(text).equals(there.text)) continue
      const key = keyOf(batchId, line)
      assert.ok(!this.#kept.has(key), `${key} was kept twice`)
      this.#kept.set(key, { ok, text: Buffer.from(text).toString() })
      found++
    }
    assert.equal(found, count, 'as many were kept as was said')
    seen.late += results.length - count
  }

  async #dispatch(server: Server, request: LineRequest): Promise<LineAnswer> {
    const { taken, twice, pending } = server
    // Only what was taken is run.
    const line = taken.get(keyOf(request.batchId, Number(request.body.toString())))!
    const { promise, resolve, reject } = Promise.withResolvers<LineAnswer>()
    const own: Pending = { request, line, resolve, reject }
    pending.add(own)
    request.signal.addEventListener('abort', () => pending.delete(own), { once: true })
    const running = [...pending].map((one) => one.line)
    const media = running.reduce((all, one) => all + one.media, 0)
    const suspects = running.filter(
      ({ batchId, line: of, crashes }) => crashes > 0 && !twice.has(keyOf(batchId, of)),
    )
    this.#expect(() => {
      assert.ok(running.length <= CONCURRENCY && media <= MAX_MEDIA && suspects.length <= 1)
    })
    return await promise
  }

  #expect(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#violation ??= error
    }
  }

  #throwViolation(): void {
    if (this.#violation !== undefined) throw this.#violation
  }

  /** Everything works again and everybody answers: all must come to an end. */
  async #settle(): Promise<void> {
    for (const what of ['disk', 'files', 'bytes'] as const) this.fail(what, false)
    this.wait(7 * BEAT_SECONDS)
    const hasEnded = (id: string) => ENDED.includes(this.#records.find(TENANT, id)!.status)
    await this.#answerUntil('batches come to their end', () =>
      [...this.#batches.keys()].every(hasEnded),
    )
    // Whoever was silent for too long still has lines of which it does not know that they are not its own any more.
    await this.#answerUntil('servers have nothing left', () =>
      this.#servers.every(({ runner: { load } }) => load.running + load.ready === 0),
    )
    for (const { pending } of this.#servers) assert.equal(pending.size, 0)
  }

  async #answerUntil(what: string, isSo: () => boolean): Promise<void> {
    const end = performance.now() + HANGS_MS
    for (let round = 0; !isSo(); round++) {
      assert.ok(performance.now() < end, what)
      this.wait(round < ROUNDS ? 1 : 0)
      for (let server = 0; server < SERVERS; server++) {
        while (this.#servers[server]!.pending.size > 0) this.answer(server, 0, 'done')
      }
      await delay(1)
    }
  }

  #check(): void {
    this.#throwViolation()
    const named: string[] = []
    for (const [id, { lines, expiresAt }] of this.#batches) {
      const batch = this.#records.find(TENANT, id)!
      const files = [batch.outputFileId, batch.errorFileId]
      named.push(...files.filter((file) => file !== undefined))
      const [done, failed] = files.map((file) => linesOf(this.#files.outputs.get(file ?? '')))
      const all = [...done!, ...failed!].map(({ line }) => line).sort((a, b) => a - b)
      assert.deepEqual(
        all,
        [...Array(lines).keys()].map((i) => i + 1),
        `${id}: each line once`,
      )
      assert.deepEqual(batch.counts, {
        ...{ total: lines, completed: done!.length, failed: failed!.length },
      })
      // One that was cancelled while its files were written may have expired before: then its lines say that.
      const isLate = expiresAt <= this.#now
      const reasons = [`batch_${batch.status}`, ...(isLate ? ['batch_expired'] : [])]
      for (const [texts, ok] of [
        [done!, true],
        [failed!, false],
      ] as const) {
        for (const { line, text, code } of texts) {
          const kept = this.#kept.get(keyOf(id, line))
          if (kept) assert.deepEqual({ ok, text }, kept, `${id} ${line}: the result that was kept`)
          else assert.ok(reasons.includes(code), `${id} ${line} has no result: ${code}`)
          if (!ok) seen.refused++
        }
      }
      if (batch.status !== 'cancelled' && !isLate) assert.equal(batch.status, 'completed')
    }
    assert.deepEqual([...this.#files.outputs.keys()].sort(), named.sort(), 'no file is left over')
    assert.deepEqual(this.#records.totals(), { batches: {}, lines: 0, resultBytes: 0 })
  }
}

function answerTo({ line }: Pending, answer: Exclude<Answer, 'defect'>): LineAnswer {
  const usage = { inputTokens: 2, cachedTokens: 1, outputTokens: 3 }
  const common = { requestId: 'r', usage, body: Buffer.from(`{"attempt":${++attempts}}`) }
  if (answer === 'done') {
    const isRefused = line.line % 3 === 0
    const code = isRefused ? ('invalid_request' as const) : undefined
    return { ...common, status: isRefused ? 400 : 200, code, retryAfterMs: undefined }
  }
  const code = answer === 'busy' ? 'queue_full' : 'backend_failure'
  return { ...common, status: answer === 'busy' ? 429 : 500, code, retryAfterMs: 1 }
}

function linesOf(text = '') {
  const texts = text.split('\n').filter((line) => line !== '')
  return texts.map((line) => {
    const { custom_id, error } = JSON.parse(line)
    return { line: Number(custom_id.slice(1)), text: line, code: error?.code }
  })
}

async function inTime(work: Promise<void>, what: string): Promise<void> {
  const end = new AbortController()
  const tooLate = delay(HANGS_MS, undefined, end).then(
    () => assert.fail(`waited for ${what}`),
    () => undefined,
  )
  await Promise.race([work, tooLate])
  end.abort()
}

type Step = (schedule: RunnerSchedule) => Promise<void> | void

const server = fc.nat(SERVERS - 1)
const answer = fc.constantFrom<Answer>('done', 'done', 'done', 'busy', 'failure', 'defect')
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.integer({ min: 1, max: 8 }).map((lines) => (s: RunnerSchedule) => s.create(lines)),
  {
    weight: 8,
    arbitrary: fc
      .tuple(server, fc.nat(3), answer)
      .map((of) => (s: RunnerSchedule) => s.answer(...of)),
  },
  { weight: 6, arbitrary: fc.nat(30).map((count) => (s: RunnerSchedule) => s.turns(count)) },
  {
    weight: 2,
    arbitrary: fc.tuple(server, fc.boolean()).map((of) => (s: RunnerSchedule) => s.die(...of)),
  },
  server.map((index) => (s: RunnerSchedule) => s.stop(index)),
  fc.tuple(fc.nat(5), server).map((of) => (s: RunnerSchedule) => s.cancel(...of)),
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('disk', 'files', 'bytes'), fc.boolean())
      .map((of) => (s: RunnerSchedule) => s.fail(...of)),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(1, BEAT_SECONDS, 7 * BEAT_SECONDS, WINDOW / 2)
      .map((seconds) => (s: RunnerSchedule) => s.wait(seconds)),
  },
)

export const runnerSchedules = fc.array(step, { minLength: 10, maxLength: 60 })
