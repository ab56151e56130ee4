/** What PostgreSQL and the way to it say, in the server's own codes. Messages name no host, user or table: the log has the cause. */
import { AerieError } from '../errors.ts'
import { Unsettled } from './storage-error.ts'

/** SQLSTATEs, https://www.postgresql.org/docs/current/errcodes-appendix.html, by their beginning; the first that fits. */
const REASONS: readonly (readonly [beginning: string, reason: string])[] = [
  ['28', 'the database does not let this server in (databaseUrl)'],
  ['3D000', 'the database that databaseUrl names is not there'],
  ['42501', 'the user of databaseUrl lacks a right to its schema aerie'],
  ['25006', 'the database is read-only'],
  ['53300', 'the database has no connection left'],
  ['57014', 'the database took too long'],
  ['55P03', 'the database is held up by another transaction'],
  ['57P', 'the database is stopping or starting'],
  ['08', 'the connection to the database was lost'],
  ['XX00', 'the database is damaged'],
]

const DISK_FULL = '53100'
/** The server that was asked is gone, or says that it does not know. */
const UNSETTLED = /^(08|57P|40003)/

/** What `pg` throws as what clients are told; what is translated already, as it is. */
export function databaseError(error: unknown, subject = 'files'): unknown {
  if (error instanceof AerieError || !(error instanceof Error)) return error
  const state = sqlState(error)
  if (state === DISK_FULL) {
    const what = `${subject}: the database's disk is full; delete files`
    return new AerieError('insufficient_storage', what, { cause: error })
  }
  return new AerieError('storage_failure', `${subject}: ${reasonOf(error, state)}`, {
    cause: error,
  })
}

/** As {@link databaseError}, of a change that was sent: `Unsettled` where the answer did not come. */
export function changeError(error: unknown, subject = 'files'): unknown {
  if (error instanceof AerieError || !(error instanceof Error)) return error
  const state = sqlState(error)
  if (state !== undefined && !UNSETTLED.test(state)) return databaseError(error, subject)
  const what = `${subject}: ${reasonOf(error, state)}, and whether the change was made is not known`
  return new Unsettled('storage_failure', what, { cause: error })
}

/** Whether the connection may still be used after this error: the server itself said no, and goes on. */
export function isAnswer(error: unknown): boolean {
  const state = error instanceof Error ? sqlState(error) : undefined
  return state !== undefined && !UNSETTLED.test(state)
}

function reasonOf(error: Error, state: string | undefined): string {
  if (state === undefined) {
    const { code } = error as { code?: string }
    // `pg` has no code for its own timeouts and for connections that end.
    if (/timeout/i.test(error.message)) return 'the database does not answer in time'
    return code === undefined
      ? 'the connection to the database was lost'
      : `the database cannot be reached (${code})`
  }
  const found = REASONS.find(([beginning]) => state.startsWith(beginning))
  return found?.[1] ?? `the database says ${state}`
}

/** Five characters, as only the server gives them; the system's codes are words. */
function sqlState(error: Error): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && severity !== undefined ? code : undefined
}
