/** Servers that take, finish, give back, fall silent and come back too late, in any order: no line is lost and none counts twice. */
import { test } from 'node:test'
import fc from 'fast-check'
import type { BatchTask, TakenLine } from '../../src/batches/batch-records.ts'
import { ENDED } from '../../src/batches/contract.ts'
import { SqliteBatchRecords } from '../../src/batches/sqlite-records.ts'
import {
  newBatch,
  newLine,
  RecordsModel,
  resultOf,
  WINDOW,
} from '../support/batch-records-model.ts'
import { propertyRuns } from '../support/property-runs.ts'

const SERVERS = ['a', 'b', 'c']
const MEDIA = ['red', 'blue', undefined]
const LINES = 7
const PORTION = 3
const LEASE = 30

/** What one server believes that it has; it may be wrong. */
interface Belief {
  /** Each process has a name of its own. */
  readonly name: string
  task: BatchTask | undefined
  lines: TakenLine[]
}

let processes = 0
function processOf(server: string): Belief {
  return { name: `${server} ${processes++}`, lines: [], task: undefined }
}

class Schedule {
  readonly records = new SqliteBatchRecords(':memory:')
  readonly model = new RecordsModel(this.records)
  readonly ids: string[] = []
  readonly beliefs = new Map(SERVERS.map((name) => [name, processOf(name)]))
  now = 100

  create(): void {
    const batch = newBatch(this.ids.length + 1, this.now)
    if (this.records.insert(batch, { maxBatches: 3 })) this.ids.push(batch.id)
  }

  beat(server: string): void {
    const belief = this.beliefs.get(server)!
    const stopped = this.records.beat(belief.name, this.now, this.now + LEASE)
    const ends = belief.lines.filter(({ batchId }) => stopped.includes(batchId))
    this.records.giveBack(belief.name, ends)
    belief.lines = belief.lines.filter((line) => !ends.includes(line))
  }

  /** The next step of a task that the server has, or a new one. */
  work(server: string): void {
    const belief = this.beliefs.get(server)!
    belief.task ??= this.records.takeTask(belief.name, this.now)
    const { task } = belief
    if (!task) return
    belief.task =
      task.kind === 'read' ? this.#read(belief.name, task) : this.#finalize(belief.name, task)
  }

  #read(server: string, task: BatchTask): BatchTask | undefined {
    const { id, read } = task.batch
    const left = Math.min(PORTION, LINES - read.lines)
    if (left <= 0) {
      const end = { faults: [], model: 'm' }
      if (!this.records.endReading(server, id, end, this.now)) this.records.dropTask(server, id, 0)
      return undefined
    }
    const lines = Array.from({ length: left }, (_, i) =>
      newLine(read.lines + i + 1, MEDIA[(read.lines + i) % MEDIA.length]),
    )
    const progress = { bytes: 0, lines: read.lines + left }
    const added = this.records.addLines(server, id, lines, { ...progress, faults: [] }, 1000)
    if (added === undefined) {
      this.records.dropTask(server, id, 0)
      return undefined
    }
    this.model.added(id, left)
    return { ...task, batch: { ...task.batch, read: progress } }
  }

  #finalize(server: string, { batch }: BatchTask): undefined {
    const { id } = batch
    const own = { outputFileId: `o ${server}`, errorFileId: `e ${server}` }
    const planned = this.records.planFiles(server, id, own)
    if (planned) this.model.checkFiles(id)
    if (planned && this.now % 3 === 0) this.records.dropTask(server, id, this.now + 2)
    else this.records.end(server, id, planned ?? own, this.now)
  }

  take(server: string, limit: number): void {
    const [batch] = this.records.runnable(5)
    const { name, lines } = this.beliefs.get(server)!
    if (batch) lines.push(...this.records.takeLines(name, batch.id, limit))
  }

  finish(server: string, count: number): void {
    const { name, lines } = this.beliefs.get(server)!
    const results = lines.splice(0, count).map((line) => resultOf(line, name))
    this.model.stored(results, this.records.storeResults(name, results, this.now))
  }

  /** The process is gone and with it all that it knew; `isClean`: it said so. */
  end(server: string, isClean: boolean): void {
    if (isClean) this.records.leave(this.beliefs.get(server)!.name)
    this.beliefs.set(server, processOf(server))
  }

  cancel(which: number): void {
    const id = this.ids[which % this.ids.length]
    if (id !== undefined) this.records.cancel('alice', id, this.now)
  }

  check(): void {
    this.model.check(this.ids)
  }

  /** One healthy server is enough to bring everything to an end. */
  settle(): void {
    this.now += LEASE + 1
    const hasEnded = (id: string) => ENDED.includes(this.records.find('alice', id)!.status)
    for (let i = 0; i < 400 && !this.ids.every(hasEnded); i++) {
      this.now++
      this.beat('a')
      this.work('a')
      this.take('a', 4)
      this.finish('a', 4)
    }
    this.check()
    for (const id of this.ids) {
      const { status } = this.records.find('alice', id)!
      if (!ENDED.includes(status)) throw new Error(`${id} is ${status} for ever`)
    }
    while (this.records.tidy(this.now + 1, 3) > 0);
    for (const id of this.ids) {
      if (this.records.find('alice', id)) throw new Error(`${id} is remembered for ever`)
    }
  }
}

const server = fc.constantFrom(...SERVERS)
const step = fc.oneof(
  fc.constant((s: Schedule) => s.create()),
  { weight: 3, arbitrary: server.map((name) => (s: Schedule) => s.beat(name)) },
  { weight: 6, arbitrary: server.map((name) => (s: Schedule) => s.work(name)) },
  {
    weight: 4,
    arbitrary: fc.tuple(server, fc.nat(4)).map(
      ([name, n]) =>
        (s: Schedule) =>
          s.take(name, n),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(server, fc.nat(4)).map(
      ([name, n]) =>
        (s: Schedule) =>
          s.finish(name, n),
    ),
  },
  fc.tuple(server, fc.boolean()).map(
    ([name, clean]) =>
      (s: Schedule) =>
        s.end(name, clean),
  ),
  fc.nat(5).map((which) => (s: Schedule) => s.cancel(which)),
  fc.constantFrom(1, 5, LEASE, WINDOW / 2).map((seconds) => (s: Schedule) => {
    s.now += seconds
  }),
)

test('whatever servers do, a line has one result at most, and every batch comes to its end', (t) => {
  const property = fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
    const schedule = new Schedule()
    schedule.create()
    for (const name of SERVERS) schedule.beat(name)
    for (const run of steps) {
      run(schedule)
      schedule.check()
    }
    schedule.settle()
    schedule.records.close()
  })
  fc.assert(property, propertyRuns(40, t, 0.05))
})
