/** Has a thread read the input of a batch, and records what it finds portion by portion. */
import { Worker } from 'node:worker_threads'
import { AerieError, fromWireError } from '../errors.ts'
import type { FileStore } from '../files/contract.ts'
import type { BatchRecord, BatchRecords } from './batch-records.ts'
import type { BatchFault } from './contract.ts'
import type { FromInput, InputWorkerData } from './input-worker.ts'
import type { Portion, ReadRules } from './read-lines.ts'

export interface ReadInputOptions {
  readonly records: BatchRecords
  readonly files: FileStore
  readonly server: string
  readonly rules: Omit<ReadRules, 'endpoint'>
  /** Of all batches together, without a result. */
  readonly maxWaitingLines: number
  /** Unix seconds. */
  readonly now: () => number
}

/** A client reads no more, and a record stays small. */
const MOST_FAULTS = 100
/** Of the young generation and all: lines of the largest size are copied a few times. */
const HEAP_MIB = 2048

const ENTRY = new URL('./input-worker.ts', import.meta.url)

/**
 * Reads to the end, unless the batch is cancelled meanwhile; then, as where the signal fires, it is left as it is. Rejects with
 * `storage_failure` where reading may go better later.
 */
export async function readInput(
  batch: BatchRecord,
  options: ReadInputOptions,
  signal: AbortSignal,
): Promise<void> {
  const { records, files, server, now } = options
  const reading = new Reading(batch, options)
  const file = await files.find(batch.tenant, batch.inputFileId)
  if (file) {
    const path = await files.localPath(file)
    const rules = { ...options.rules, endpoint: batch.endpoint }
    const isWhole = await readWith(
      { path, from: batch.read, rules },
      (portion) => reading.record(portion),
      signal,
    )
    if (!isWhole) return
  } else {
    const what = `input_file_id: the file was deleted or has expired before it was read`
    reading.faults.push({ code: 'not_found', message: what, line: null, param: 'input_file_id' })
  }
  if (reading.faults.length === 0 && reading.lines === 0) {
    const what = 'the file has no lines: expected one request a line'
    reading.faults.push({ code: 'empty_batch', message: what, line: null, param: null })
  }
  const { faults, model } = reading
  await records.endReading(server, batch.id, { faults, model }, now())
}

/** What has been found so far. */
class Reading {
  readonly faults: BatchFault[]
  lines: number
  readonly #batch: BatchRecord
  readonly #options: ReadInputOptions
  readonly #models = new Set<string>()

  constructor(batch: BatchRecord, options: ReadInputOptions) {
    this.#batch = batch
    this.#options = options
    this.faults = [...batch.errors]
    this.lines = batch.counts.total
    // What the lines asked that were read before a crash is not recorded; it was one of these.
    if (this.lines > 0) for (const model of options.rules.models) this.#models.add(model)
  }

  get model(): string | undefined {
    return this.#models.size === 1 ? [...this.#models][0] : undefined
  }

  /** Whether to read on; undefined where the batch is somebody else's or cancelled. */
  async record({ lines, faults, progress, models }: Portion): Promise<boolean | undefined> {
    const { records, server, maxWaitingLines } = this.#options
    this.#add(faults)
    for (const model of models) this.#models.add(model)
    const { id } = this.#batch
    const state = { ...progress, faults: this.faults }
    const doubles = await records.addLines(server, id, lines, state, maxWaitingLines)
    if (doubles === undefined) return undefined
    if (doubles === 'full') {
      const what = `the batches of this server may have ${maxWaitingLines} lines that are not done (maxBatchLinesWaiting), and these would be more; try again later`
      this.#add([{ code: 'queue_full', message: what, line: null, param: null }])
      return false
    }
    this.lines += lines.length - doubles.length
    this.#add(
      doubles.map(({ line, first }) => ({
        ...{ code: 'duplicate_custom_id', line, param: 'custom_id' },
        message: `custom_id: expected another than that of line ${first}`,
      })),
    )
    return this.faults.length < MOST_FAULTS
  }

  #add(faults: readonly BatchFault[]): void {
    this.faults.push(...faults.slice(0, MOST_FAULTS - this.faults.length))
  }
}

/** Whether it was read as far as it is of use: to the end, or until `record` said that it is enough. */
async function readWith(
  workerData: InputWorkerData,
  record: (portion: Portion) => Promise<boolean | undefined>,
  signal: AbortSignal,
): Promise<boolean> {
  const worker = new Worker(ENTRY, {
    ...{ workerData, name: 'batch input' },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  })
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  const stop = () => resolve(false)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  worker.on('error', (cause: Error) => {
    const what = `the thread that reads the input ended: ${cause.message}`
    reject(new AerieError('backend_failure', what, { cause }))
  })
  worker.on('message', (message: FromInput) => {
    if (message.type === 'failed') reject(fromWireError(message.error))
    else if (message.type === 'end') resolve(true)
    else {
      record(message.portion).then((more) => {
        if (more === true) worker.postMessage('next')
        else resolve(more === false)
      }, reject)
    }
  })
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', stop)
    await worker.terminate()
  }
}
