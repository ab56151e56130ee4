/** The end user that a client names, in the log. */
import { createHash } from 'node:crypto'
import type { RequestState } from './request-state.ts'

/** The log gets enough to recognise a known end user and not enough to learn an unknown one. */
export function noteEndUser({ facts }: RequestState, endUser: string | null | undefined): void {
  if (!endUser) return
  facts['endUser'] = createHash('sha256').update(endUser).digest('hex').slice(0, 16)
}
