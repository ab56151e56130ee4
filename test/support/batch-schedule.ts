/** Servers that take, finish, give back, fall silent and come back too late, in any order, over any records of batches. */
import fc from 'fast-check'
import type { BatchRecords, BatchTask, TakenLine } from '../../src/batches/batch-records.ts'
import { type Batch, ENDED } from '../../src/batches/contract.ts'
import { BatchModel, newBatch, newLine, resultOf, TENANT, WINDOW } from './batch-model.ts'

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

let batches = 0
let attempts = 0

export class BatchSchedule {
  readonly #records: BatchRecords
  readonly #model: BatchModel
  readonly #ids: string[] = []
  readonly #beliefs = new Map(SERVERS.map((name) => [name, processOf(name)]))
  #now = 100

  constructor(records: BatchRecords) {
    this.#records = records
    this.#model = new BatchModel(records)
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.create()
    for (const name of SERVERS) await this.beat(name)
    for (const step of steps) {
      await step(this)
      await this.#model.check(this.#ids)
    }
    await this.#settle()
  }

  wait(seconds: number): void {
    this.#now += seconds
  }

  async create(): Promise<void> {
    const batch: Batch = newBatch(++batches, this.#now)
    if (await this.#records.insert(batch, { maxBatches: 3 })) this.#ids.push(batch.id)
  }

  async beat(server: string): Promise<void> {
    const belief = this.#beliefs.get(server)!
    const stopped = await this.#records.beat(belief.name, this.#now, this.#now + LEASE)
    const ends = belief.lines.filter(({ batchId }) => stopped.includes(batchId))
    await this.#records.giveBack(belief.name, ends)
    belief.lines = belief.lines.filter((line) => !ends.includes(line))
  }

  /** The next step of a task that the server has, or a new one. */
  async work(server: string): Promise<void> {
    const belief = this.#beliefs.get(server)!
    belief.task ??= await this.#records.takeTask(belief.name, this.#now)
    const { task } = belief
    if (!task) return
    belief.task =
      task.kind === 'read'
        ? await this.#read(belief.name, task)
        : await this.#finalize(belief.name, task)
  }

  async take(server: string, limit: number): Promise<void> {
    const [batch] = await this.#records.runnable(5)
    const { name, lines } = this.#beliefs.get(server)!
    if (batch) lines.push(...(await this.#records.takeLines(name, batch.id, limit)))
  }

  async finish(server: string, count: number): Promise<void> {
    const { name, lines } = this.#beliefs.get(server)!
    // A server that was silent may have a line twice: each attempt says something else, so that it shows which was kept.
    const results = lines
      .splice(0, count)
      .map((line) => resultOf(line, `${name}, attempt ${attempts++}`))
    const kept = await this.#records.storeResults(name, results, this.#now)
    await this.#model.stored(results, kept)
  }

  /** The process is gone and with it all that it knew; `isClean`: it said so. */
  async end(server: string, isClean: boolean): Promise<void> {
    if (isClean) await this.#records.leave(this.#beliefs.get(server)!.name)
    this.#beliefs.set(server, processOf(server))
  }

  async cancel(which: number): Promise<void> {
    const id = this.#ids[which % this.#ids.length]
    if (id !== undefined) await this.#records.cancel(TENANT, id, this.#now)
  }

  async #read(server: string, task: BatchTask): Promise<BatchTask | undefined> {
    const { id, read } = task.batch
    const left = Math.min(PORTION, LINES - read.lines)
    if (left <= 0) {
      const end = { faults: [], model: 'm' }
      if (!(await this.#records.endReading(server, id, end, this.#now)))
        await this.#records.dropTask(server, id, 0)
      return undefined
    }
    const lines = Array.from({ length: left }, (_, i) =>
      newLine(read.lines + i + 1, MEDIA[(read.lines + i) % MEDIA.length]),
    )
    const progress = { bytes: 0, lines: read.lines + left }
    const added = await this.#records.addLines(server, id, lines, { ...progress, faults: [] }, 1000)
    if (added === undefined) {
      await this.#records.dropTask(server, id, 0)
      return undefined
    }
    this.#model.added(id, left)
    return { ...task, batch: { ...task.batch, read: progress } }
  }

  async #finalize(server: string, { batch }: BatchTask): Promise<undefined> {
    const { id } = batch
    const own = { outputFileId: `o ${server}`, errorFileId: `e ${server}` }
    const planned = await this.#records.planFiles(server, id, own)
    if (planned) await this.#model.checkFiles(id)
    if (planned && this.#now % 3 === 0) await this.#records.dropTask(server, id, this.#now + 2)
    else await this.#records.end(server, id, planned ?? own, this.#now)
  }

  /** One healthy server is enough to bring everything to an end. */
  async #settle(): Promise<void> {
    this.#now += LEASE + 1
    const statuses = async () =>
      Promise.all(this.#ids.map(async (id) => (await this.#records.find(TENANT, id))!.status))
    const areOver = async () => (await statuses()).every((status) => ENDED.includes(status))
    for (let i = 0; i < 400 && !(await areOver()); i++) {
      this.#now++
      await this.beat('a')
      await this.work('a')
      await this.take('a', 4)
      await this.finish('a', 4)
    }
    await this.#model.check(this.#ids)
    if (!(await areOver())) throw new Error(`batches are ${await statuses()} for ever`)
    while ((await this.#records.tidy(this.#now + 1, 3)) > 0);
    for (const id of this.#ids) {
      if (await this.#records.find(TENANT, id)) throw new Error(`${id} is remembered for ever`)
    }
  }
}

type Step = (schedule: BatchSchedule) => Promise<void> | void

const server = fc.constantFrom(...SERVERS)
const counted = fc.tuple(server, fc.nat(4))

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constant((s: BatchSchedule) => s.create()),
  { weight: 3, arbitrary: server.map((name) => (s: BatchSchedule) => s.beat(name)) },
  { weight: 6, arbitrary: server.map((name) => (s: BatchSchedule) => s.work(name)) },
  {
    weight: 4,
    arbitrary: counted.map((of) => (s: BatchSchedule) => s.take(...of)),
  },
  {
    weight: 4,
    arbitrary: counted.map((of) => (s: BatchSchedule) => s.finish(...of)),
  },
  fc.tuple(server, fc.boolean()).map((of) => (s: BatchSchedule) => s.end(...of)),
  fc.nat(5).map((which) => (s: BatchSchedule) => s.cancel(which)),
  fc.constantFrom(1, 5, LEASE, WINDOW / 2).map((seconds) => (s: BatchSchedule) => s.wait(seconds)),
)

export const schedules = fc.array(step, { minLength: 10, maxLength: 60 })
