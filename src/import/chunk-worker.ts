/** Worker thread that hashes the chunks of a file, or looks through them for values that no model may have. */
import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { firstNonFinite } from '../weights/non-finite.ts'
import type { FromChunkWorker, ToChunkWorker, WorkerJob } from './chunk-messages.ts'

const { job, slots } = workerData as WorkerJob
const port = parentPort!
let hash = createHash('sha256')

const answer = (message: FromChunkWorker) => port.postMessage(message)

port.on('message', (message: ToChunkWorker) => {
  if (message.type === 'end') {
    answer({ type: 'digest', digest: hash.digest('hex') })
    hash = createHash('sha256')
    return
  }
  const bytes = new Uint8Array(slots[message.slot]!, 0, message.byteLength)
  if (job === 'hash') hash.update(bytes)
  else {
    for (const { tensor, dtype, start, byteLength, skipped } of message.segments) {
      const at = firstNonFinite(dtype, bytes.subarray(start, start + byteLength))
      // The element's size divides both, so the index is a whole number.
      if (at >= 0) answer({ type: 'bad', tensor, dtype, skippedBytes: skipped, index: at })
    }
  }
  answer({ type: 'done', slot: message.slot })
})
