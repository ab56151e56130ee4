/** What the disk and SQLite say, in the server's own codes. Messages name no path: the log has the cause. */
import { AerieError } from '../errors.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const READ_ONLY = new Set(['EROFS', 'EACCES', 'EPERM'])

/** The connection broke before the answer came: nobody knows whether the change was made. */
export class Unsettled extends AerieError {}

/** Primary result codes, https://www.sqlite.org/rescode.html */
const SQLITE = { READONLY: 8, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const

const CANNOT_WRITE = 'the folder cannot be written to'

/** An error of the system or of SQLite as what clients are told; anything else, and what is translated already, as it is. */
export function storageError(error: unknown): unknown {
  if (error instanceof AerieError || !(error instanceof Error)) return error
  const { code = '', errcode } = error as { code?: string; errcode?: number }
  if (errcode !== undefined) return databaseError(errcode, error)
  // Codes of the system, and none of Node's own, such as ERR_INVALID_ARG_TYPE.
  if (!/^E[A-Z0-9]+$/.test(code)) return error
  if (FULL.has(code)) return fullDisk(error)
  return failure(READ_ONLY.has(code) ? CANNOT_WRITE : `the disk says ${code}`, error)
}

/** Awaits work on the disk and translates its failure. */
export async function onDisk<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw storageError(error)
  }
}

function databaseError(errcode: number, error: Error): AerieError {
  switch (errcode & 0xff) {
    case SQLITE.FULL:
      return fullDisk(error)
    case SQLITE.READONLY:
    case SQLITE.CANTOPEN:
      return failure(CANNOT_WRITE, error)
    case SQLITE.CORRUPT:
    case SQLITE.NOTADB:
      return failure(`the database is damaged (${error.message})`, error)
    default:
      return failure(`the database says: ${error.message}`, error)
  }
}

function failure(reason: string, cause: Error): AerieError {
  return new AerieError('storage_failure', `files: ${reason}`, { cause })
}

function fullDisk(cause: Error): AerieError {
  return new AerieError('insufficient_storage', 'files: the disk is full; delete files', { cause })
}
