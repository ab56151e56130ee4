/** Ids that nobody can guess and that sort by the time of creation, so that the oldest are found by them. */
import { randomBytes } from 'node:crypto'

/** `resp_`, 12 digits of milliseconds since 1970, 24 random ones (96 bits). */
export function newResponseId(nowMs: number): string {
  return `resp_${nowMs.toString(16).padStart(12, '0')}${randomBytes(12).toString('hex')}`
}
