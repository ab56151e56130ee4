/** Entry of the thread that owns the database of responses. */
import { join } from 'node:path'
import { serveRecords } from '../records/serve-records.ts'
import { isGone } from '../records/server-name.ts'
import { SqliteResponseRecords } from './sqlite-records.ts'

await serveRecords(
  'responses',
  (folder) => new SqliteResponseRecords(join(folder, 'responses.sqlite'), isGone),
)
