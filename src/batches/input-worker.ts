/** Entry of the thread that reads one input file: hundreds of megabytes of JSON, and digests of the pictures in it. */
import { createReadStream } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { toWireError, type WireError } from '../errors.ts'
import { storageError } from '../files/storage-error.ts'
import { type Portion, type ReadRules, readLines } from './read-lines.ts'

export interface InputWorkerData {
  readonly path: string
  /** Where to begin. */
  readonly from: { readonly bytes: number; readonly lines: number }
  readonly rules: ReadRules
}

export type FromInput =
  | { readonly type: 'portion'; readonly portion: Portion }
  | { readonly type: 'end' }
  | { readonly type: 'failed'; readonly error: WireError }

const READ_BYTES = 2 ** 20

const { path, from, rules } = workerData as InputWorkerData
const port = parentPort!

/** Resolves when the main thread has recorded the portion and asks for the next. */
function asked(): Promise<void> {
  return new Promise((resolve) => port.once('message', () => resolve()))
}

function tell(message: FromInput): void {
  port.postMessage(message)
}

try {
  const source = createReadStream(path, { start: from.bytes, highWaterMark: READ_BYTES })
  for await (const portion of readLines(source, from, rules)) {
    const next = asked()
    tell({ type: 'portion', portion })
    await next
  }
  tell({ type: 'end' })
} catch (error) {
  tell({ type: 'failed', error: toWireError(storageError(error, 'batches')) })
}
port.close()
