/** Batches that replicas share: what is under way in the database. Changes nothing. */
import { PostgresDatabase } from '../files/postgres-database.ts'
import type { Finding } from './finding.ts'

const SILENT = { info() {}, warn() {}, error() {} }

export async function checkSharedBatches(url: string): Promise<Finding> {
  const name = 'Batches'
  const settings = { maxConnections: 1, logger: SILENT, subject: 'batches' }
  const database = new PostgresDatabase({ url, ...settings })
  try {
    const table = 'aerie_batches.batches'
    const [first] = await database.read('SELECT to_regclass($1) IS NULL AS missing', [table])
    if (first?.['missing'] === true)
      return { name, state: 'ok', text: 'no schema aerie_batches yet: the first server makes it' }
    const [row] = await database.read(
      `SELECT count(*) AS batches, coalesce(sum(total - completed - failed), 0) AS lines
       FROM ${table} WHERE ended_at IS NULL`,
    )
    const text = `${row?.['batches']} under way with ${row?.['lines']} lines to run, in the database`
    return { name, state: 'ok', text }
  } catch (error) {
    const text = error instanceof Error ? error.message.replace(/^batches: /, '') : String(error)
    const advice = 'see docs/replicas.md, "When something is out of reach"'
    return { name, state: 'bad', text, advice }
  } finally {
    await database.dispose()
  }
}
