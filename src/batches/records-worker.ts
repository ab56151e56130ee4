/** Entry of the thread that owns the database of batches. */
import { join } from 'node:path'
import { serveRecords } from '../records/serve-records.ts'
import { isGone } from '../records/server-name.ts'
import { SqliteBatchRecords } from './sqlite-records.ts'

await serveRecords(
  'batches',
  (folder) => new SqliteBatchRecords(join(folder, 'batches.sqlite'), isGone),
)
