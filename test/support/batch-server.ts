/** A program of its own: a server with files and batches in the folder of its first argument, to be killed. Prints its address. */
import { join } from 'node:path'
import { recordsIn } from '../../src/batches/records-thread.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { openTestApp } from './http-app.ts'

const folder = process.argv[2]!
const app = await openTestApp({
  store: { folder: join(folder, 'files'), maxBytes: 2 ** 30 },
  echo: { tokenDelayMs: 5 },
  batching: {
    source: recordsIn(join(folder, 'batches'), createLogger({ level: 'silent' })),
    maxBatches: 1000,
    maxWaitingLines: 100_000,
  },
})
process.stdout.write(`${await app.listen()}\n`)
