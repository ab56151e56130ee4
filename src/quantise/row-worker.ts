/** Worker thread that quantises rows of weights. */
import { parentPort } from 'node:worker_threads'
import { toFloat32 } from '../weights/dtype.ts'
import { firstNonFinite } from '../weights/non-finite.ts'
import { quantiseRows } from './quantise-rows.ts'
import type { FromRowWorker, RowsToQuantise } from './row-messages.ts'

const port = parentPort!

port.on('message', ({ id, dtype, bytes, width, form, factors }: RowsToQuantise) => {
  const index = firstNonFinite(dtype, bytes)
  if (index >= 0) answer({ id, type: 'bad', index })
  else if (!form) answer({ id, type: 'kept', bytes }, [bytes.buffer])
  else {
    try {
      const rows = quantiseRows(toFloat32(dtype, bytes), width, form, factors)
      const buffers = [rows.values, rows.scales, rows.zeroPoints].flatMap((part) =>
        part ? [part.buffer] : [],
      )
      answer({ id, type: 'rows', rows }, buffers)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      answer({ id, type: 'failed', message: error.message })
    }
  }
})

function answer(message: FromRowWorker, transferred: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, [...transferred])
}
