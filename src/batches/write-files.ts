/** Output and error file of a batch whose lines are done, line by line out of the records into the file store. */

import type { FileStore } from '../files/contract.ts'
import { newFileId } from '../files/file-id.ts'
import type { BatchRecord, BatchRecords } from './batch-records.ts'
import { refusedLine } from './result-line.ts'

export interface WriteFilesOptions {
  readonly records: BatchRecords
  readonly files: FileStore
  readonly server: string
  /** Milliseconds since 1970. */
  readonly nowMs: () => number
}

/** Bytes of results, more or less, that are in memory at a time. */
const PAGE_BYTES = 2 ** 20
const PAGE_LINES = 500
const LINE_FEED = Buffer.from('\n')

/**
 * Writes what is to be written and ends the batch. Their ids are chosen first, so that whoever does this again after a crash finds
 * the file that was made and makes no second one. Rejects with `insufficient_storage` or `storage_failure`; it may go better
 * later.
 */
export async function writeFiles(
  batch: BatchRecord,
  options: WriteFilesOptions,
  signal: AbortSignal,
): Promise<void> {
  const { records, server, nowMs } = options
  const { id } = batch
  const planned = await records.planFiles(server, id, {
    outputFileId: newFileId(nowMs()),
    errorFileId: newFileId(nowMs()),
  })
  if (!planned) return
  const output = outputLines(records, id, signal)
  const outputFileId = await writeFile(batch, 'output', planned.outputFileId, output, options)
  const errors = errorLines(records, batch, signal)
  const errorFileId = await writeFile(batch, 'error', planned.errorFileId, errors, options)
  const now = Math.floor(nowMs() / 1000)
  await records.end(server, id, { outputFileId, errorFileId }, now)
}

/** The id of the file; undefined where it would be empty. */
async function writeFile(
  { id, tenant, outputExpiresAfterSeconds: expiresAfterSeconds }: BatchRecord,
  kind: 'output' | 'error',
  fileId: string,
  lines: AsyncGenerator<Uint8Array>,
  { files }: WriteFilesOptions,
): Promise<string | undefined> {
  if (await files.find(tenant, fileId)) return fileId
  const first = await lines.next()
  if (first.done) return undefined
  await using upload = files.beginUpload(tenant, 'server')
  await upload.receive(startingWith(first.value, lines))
  const filename = `${id}_${kind}.jsonl`
  const file = { filename, purpose: 'batch_output', expiresAfterSeconds } as const
  await upload.create({ id: fileId, ...file })
  return fileId
}

async function* startingWith<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first
  yield* rest
}

async function* outputLines(records: BatchRecords, id: string, signal: AbortSignal) {
  for await (const { text } of resultsOf(records, id, true, signal)) {
    yield text
    yield LINE_FEED
  }
}

/** What failed and what was not run, in the order of the input. */
async function* errorLines(records: BatchRecords, batch: BatchRecord, signal: AbortSignal) {
  const failed = resultsOf(records, batch.id, false, signal)
  const unrun = unrunOf(records, batch.id, signal)
  const [code, why] = reasonOf(batch)
  let [result, rest] = [await failed.next(), await unrun.next()]
  while (!result.done || !rest.done) {
    if (!result.done && (rest.done || result.value.line < rest.value.line)) {
      yield result.value.text
      result = await failed.next()
    } else if (!rest.done) {
      yield refusedLine(rest.value.customId, code, why)
      rest = await unrun.next()
    }
    yield LINE_FEED
  }
}

/** Why lines of it were not run. */
function reasonOf({ status }: BatchRecord): [code: string, message: string] {
  return status === 'cancelling'
    ? ['batch_cancelled', 'This request was not executed, because the batch was cancelled.']
    : ['batch_expired', 'This request could not be executed before the completion window expired.']
}

async function* resultsOf(records: BatchRecords, id: string, ok: boolean, signal: AbortSignal) {
  for (let after = 0; ; ) {
    signal.throwIfAborted()
    const page = await records.results(id, ok, after, PAGE_BYTES)
    yield* page
    const last = page.at(-1)
    if (!last) return
    after = last.line
  }
}

async function* unrunOf(records: BatchRecords, id: string, signal: AbortSignal) {
  for (let after = 0; ; ) {
    signal.throwIfAborted()
    const page = await records.unrun(id, after, PAGE_LINES)
    yield* page
    const last = page.at(-1)
    if (!last || page.length < PAGE_LINES) return
    after = last.line
  }
}
