/** The header `x-aerie-explain`, for clients that cannot add fields to the body. */
import { AerieError } from '../errors.ts'
import { describeValue } from './describe.ts'
import type { Asking } from './request-state.ts'

export function asksToExplain({ headers }: Pick<Asking, 'headers'>): boolean {
  const value = headers['x-aerie-explain']
  if (value === undefined || value === '0' || value === 'false') return false
  if (value === '1' || value === 'true') return true
  const what = `expected 1 or 0, got ${describeValue(value)}`
  throw new AerieError('invalid_request', `x-aerie-explain: ${what}`, { param: 'x-aerie-explain' })
}
