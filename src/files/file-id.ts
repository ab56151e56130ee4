/** Ids that nobody can guess and that sort by the time of creation, so that a page can begin behind a file that is gone. */
import { randomBytes } from 'node:crypto'

/** `file-`, 12 digits of milliseconds since 1970, 24 random ones (96 bits). */
export function newFileId(nowMs: number): string {
  return `file-${nowMs.toString(16).padStart(12, '0')}${randomBytes(12).toString('hex')}`
}

/** The name of bytes on the disk, which says nothing of the file's id. */
export function newBlobKey(): string {
  return randomBytes(16).toString('hex')
}
