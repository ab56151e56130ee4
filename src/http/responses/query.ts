/** Queries of stored responses, and pages of items. */
import { AerieError } from '../../errors.ts'
import type { WireRequests } from '../contract.ts'
import { describeValue } from '../describe.ts'
import type { components } from '../openapi.d.ts'
import { type StoredItem, toListedItem } from './items.ts'

const DEFAULT_LIMIT = 20
const NUMBERS = ['limit', 'starting_after']
const FLAGS = ['stream', 'include_obfuscation']

/** Texts of a query as the values that the contract checks. Lists are written `include=a`, repeated or not, or `include[]=a`. */
export function fromResponseQuery(query: unknown): Record<string, unknown> {
  const { include, 'include[]': more, ...rest } = query as Record<string, unknown>
  const list = [include ?? [], more ?? []].flat()
  const values = Object.entries(rest).map(([name, text]) => [name, fromText(name, text)])
  return { ...Object.fromEntries(values), ...(list.length > 0 && { include: list }) }
}

function fromText(name: string, text: unknown): unknown {
  if (typeof text !== 'string') return text
  if (NUMBERS.includes(name) && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (FLAGS.includes(name) && /^(true|false)$/.test(text)) return text === 'true'
  return text
}

/** Items stay as they are, so that `invalid_request` is thrown about an `after` that is none of them, rather than the list called over. */
export function toItemList(
  items: readonly StoredItem[],
  { after, limit = DEFAULT_LIMIT, order = 'desc' }: WireRequests['ResponseItemsQuery'],
): components['schemas']['ResponseItemList'] {
  const ordered = order === 'asc' ? items : items.toReversed()
  const at = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1
  if (after !== undefined && at === 0) {
    const what = `after: expected the id of an item of this response, got ${describeValue(after)}`
    throw new AerieError('invalid_request', what, { param: 'after' })
  }
  const behind = ordered.slice(at)
  const data = behind.slice(0, limit).map(toListedItem)
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: behind.length > limit,
  }
}
