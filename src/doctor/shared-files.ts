/** Files that replicas share: whether the database and the bucket can be reached, and whether they belong together. Changes nothing. */
import { ObjectCache } from '../files/object-cache.ts'
import { PostgresDatabase } from '../files/postgres-database.ts'
import { FILES_SCHEMA, schemaVersion } from '../files/postgres-schema.ts'
import { S3Blobs } from '../files/s3-blobs.ts'
import {
  connectObjectStore,
  parseObjectStore,
  type SharedStorageOptions,
} from '../files/shared-storage.ts'
import type { Finding } from './finding.ts'

const GiB = 2 ** 30
const SILENT = { info() {}, warn() {}, error() {} }
const ADVICE = 'see docs/replicas.md, "When something is out of reach"'

export async function checkSharedFiles(options: SharedStorageOptions): Promise<Finding[]> {
  const database = await checkDatabase(options)
  return [database.finding, await checkBucket(options, database.storeId)]
}

interface DatabaseFinding {
  readonly finding: Finding
  /** Undefined where no server has started yet, or nobody knows. */
  readonly storeId: string | undefined
}

async function checkDatabase(options: SharedStorageOptions): Promise<DatabaseFinding> {
  const name = 'Database'
  const { databaseUrl: url } = options
  const database = new PostgresDatabase({ url, maxConnections: 1, logger: SILENT })
  try {
    const [first] = await database.read(
      "SELECT current_setting('server_version') AS version, to_regclass('aerie.store') IS NULL AS missing",
    )
    const version = `PostgreSQL ${String(first?.['version'])}`
    if (first?.['missing'] === true) {
      const text = `${version}, no schema aerie yet: the first server makes it`
      return { finding: { name, state: 'ok', text }, storeId: undefined }
    }
    const steps = await database.with((client) => schemaVersion(client, FILES_SCHEMA))
    const [row] = await database.read('SELECT id, files, bytes FROM aerie.store, aerie.totals')
    const size = `${(Number(row?.['bytes']) / GiB).toFixed(2)} GiB`
    const text = `${version}, ${row?.['files']} files of ${size}, version ${steps}`
    return { finding: { name, state: 'ok', text }, storeId: String(row?.['id']) }
  } catch (error) {
    return { finding: bad(name, error), storeId: undefined }
  } finally {
    await database.dispose()
  }
}

async function checkBucket(
  { objectStore, maxFileBytes }: SharedStorageOptions,
  storeId: string | undefined,
): Promise<Finding> {
  const name = 'Object store'
  const { bucket, prefix } = parseObjectStore(objectStore.url)
  const client = connectObjectStore(objectStore)
  const cache = new ObjectCache({ folder: '', maxBytes: 0, holdMs: 0, logger: SILENT })
  try {
    const within = `${prefix}${storeId === undefined ? '' : `${storeId}/`}`
    const blobs = new S3Blobs({ client, bucket, prefix: within, cache, maxFileBytes })
    if (storeId === undefined) await blobs.assertReachable()
    else await blobs.assertMarked()
    const text = storeId === undefined ? 'reached' : "reached, has the database's files"
    return { name, state: 'ok', text: `${objectStore.url} ${text}` }
  } catch (error) {
    return bad(name, error)
  } finally {
    await cache.dispose()
    client.destroy()
  }
}

function bad(name: string, error: unknown): Finding {
  const text = error instanceof Error ? error.message.replace(/^files: /, '') : String(error)
  return { name, state: 'bad', text, advice: ADVICE }
}
