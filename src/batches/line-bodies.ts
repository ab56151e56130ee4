/**
 * Bodies of lines out of the inputs of batches. Lines begin many at a time, as an engine's answers end together; what is asked
 * for in one turn of the event loop is read together, since opening a file costs as much as running a small model on a line.
 */
import type { FileStore, StoredFile } from '../files/contract.ts'
import type { BatchRecord, TakenLine } from './batch-records.ts'

type Input = Pick<BatchRecord, 'tenant' | 'inputFileId'>
type Place = Pick<TakenLine, 'offset' | 'length'>

interface Asked extends Place {
  resolve(body: Buffer | undefined): void
  reject(error: unknown): void
}

interface InputAsked {
  readonly input: Input
  readonly places: Asked[]
}

/** Bytes between two bodies that are read for nothing rather than with a second read. */
const MOST_GAP = 4096
/** Bytes of one read of several bodies, which stay in memory until the last of them is done with. */
const MOST_TOGETHER = 2 ** 20

export class LineBodies {
  readonly #files: Pick<FileStore, 'find' | 'read'>
  /** What was asked for in this turn, by input. */
  #asked = new Map<string, InputAsked>()

  constructor(files: Pick<FileStore, 'find' | 'read'>) {
    this.#files = files
  }

  /** Undefined where the input is not there any more. Rejects with what the file store says. */
  async read(input: Input, { offset, length }: Place): Promise<Buffer | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer | undefined>()
    if (this.#asked.size === 0) setImmediate(() => this.#readAll())
    const key = JSON.stringify([input.tenant, input.inputFileId])
    const asked = this.#asked.get(key) ?? { input, places: [] }
    this.#asked.set(key, asked)
    asked.places.push({ offset, length, resolve, reject })
    return await promise
  }

  #readAll(): void {
    const asked = [...this.#asked.values()]
    this.#asked = new Map()
    for (const { input, places } of asked) void this.#readInput(input, places)
  }

  /** Never rejects: those who asked hear of it. */
  async #readInput({ tenant, inputFileId }: Input, places: readonly Asked[]): Promise<void> {
    try {
      const file = await this.#files.find(tenant, inputFileId)
      if (file) await Promise.all(runsOf(places).map((run) => this.#readRun(file, run)))
      else for (const { resolve } of places) resolve(undefined)
    } catch (error) {
      // Those that have their body already do not hear it.
      for (const { reject } of places) reject(error)
    }
  }

  async #readRun(file: StoredFile, run: readonly Asked[]): Promise<void> {
    const start = run[0]!.offset
    const bytes = await gather(await this.#files.read(file, { start, end: endOf(run) - 1 }))
    for (const { offset, length, resolve } of run) {
      resolve(bytes.subarray(offset - start, offset - start + length))
    }
  }
}

/** Places that lie close to each other, in the order of the file. */
function runsOf(places: readonly Asked[]): Asked[][] {
  const runs: Asked[][] = []
  for (const place of places.toSorted((a, b) => a.offset - b.offset)) {
    const run = runs.at(-1)
    const isNear = run !== undefined && place.offset - endOf(run) <= MOST_GAP
    if (isNear && place.offset + place.length - run[0]!.offset <= MOST_TOGETHER) run.push(place)
    else runs.push([place])
  }
  return runs
}

/** One behind the last byte; bodies do not overlap. */
function endOf(run: readonly Place[]): number {
  const { offset, length } = run.at(-1)!
  return offset + length
}

async function gather(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}
