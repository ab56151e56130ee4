/** Queries of stored responses, and pages of items. */
import type { WireRequests } from '../contract.ts'
import type { components } from '../openapi.d.ts'
import type { StoredItem } from './items.ts'

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

/** A page that begins behind an item which is not there is empty. */
export function toItemList(
  items: readonly StoredItem[],
  { after, limit = DEFAULT_LIMIT, order = 'desc' }: WireRequests['ResponseItemsQuery'],
): components['schemas']['ResponseItemList'] {
  const ordered = order === 'asc' ? items : items.toReversed()
  const at = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1
  const behind = after !== undefined && at === 0 ? [] : ordered.slice(at)
  const data = behind.slice(0, limit)
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: behind.length > limit,
  }
}
