/** The whole conversation that a request is about: what it goes on from, what it refers to, and its own input. */
import { AerieError, type ErrorCode } from '../../errors.ts'
import type { ResponseStore, StoredInput, StoredTurn } from '../../responses/contract.ts'
import { describeValue } from '../describe.ts'
import type { components } from '../openapi.d.ts'
import { isInputItem, responseOfItem } from './item-ids.ts'
import {
  type PlacedItem,
  type StoredItem,
  toStoredItems,
  type WireInput,
  type WireItem,
} from './items.ts'
import { putMedia } from './media-marks.ts'

type ResponseObject = components['schemas']['ResponseObject']
type Reading = Pick<ResponseStore, 'chain' | 'find' | 'input'>

export interface Conversation {
  /** Of earlier turns, the oldest first. */
  readonly earlier: readonly PlacedItem[]
  /** Of the request's own input. */
  readonly own: readonly PlacedItem[]
  /** Of which the earlier ones are. */
  readonly turns: number
  /** The earlier ones are stored nowhere: a connection has them in memory. */
  readonly isRecalled: boolean
}

/** A response that is stored nowhere, with all that it went on from. */
export interface Recalled {
  readonly items: readonly PlacedItem[]
  readonly turns: number
}

/** Undefined for a response that is not remembered. */
export type Recall = (id: string) => Recalled | undefined

interface Asked {
  readonly id: string
  readonly tenant: string
  readonly input: WireInput
  readonly previousId: string | undefined
  /** Of what items that are referred to are read from. */
  readonly maxBytes: number
  readonly recall?: Recall | undefined
}

/**
 * Rejects with `previous_response_not_found` or, for an item, `not_found`, `invalid_request` for a response that cannot be gone on from,
 * `request_too_large` for a conversation with more turns or bytes than one may have.
 */
export async function openConversation(store: Reading, asked: Asked): Promise<Conversation> {
  const { id, tenant, input, previousId } = asked
  const recalled = previousId === undefined ? undefined : asked.recall?.(previousId)
  const isStored = previousId !== undefined && !recalled
  const turns = isStored ? await readTurns(store, tenant, previousId) : []
  const whole = typeof input === 'string' ? input : await resolveReferences(store, asked, input)
  const own = toStoredItems(whole, id)
  if (recalled) return { earlier: recalled.items, turns: recalled.turns, own, isRecalled: true }
  return { earlier: turns.flatMap(itemsOfTurn), turns: turns.length, own, isRecalled: false }
}

/** The conversation of a response that is stored already. */
export async function reopenConversation(
  store: Reading,
  tenant: string,
  id: string,
): Promise<Conversation> {
  const chain = await store.chain(tenant, id)
  if (!('turns' in chain)) {
    throw new AerieError('not_found', `response ${id}, or one that it goes on from, was deleted`)
  }
  const { turns } = chain
  const own = storedItems(turns.at(-1)!).map((item, i) => ({ item, param: `input[${i}]` }))
  const before = turns.slice(0, -1)
  return { earlier: before.flatMap(itemsOfTurn), turns: before.length, own, isRecalled: false }
}

async function readTurns(store: Reading, tenant: string, id: string): Promise<StoredTurn[]> {
  const param = 'previous_response_id'
  const fail = (code: ErrorCode, what: string) =>
    new AerieError(code, `${param}: ${what}`, { param })
  const chain = await store.chain(tenant, id)
  if ('missing' in chain) {
    const which =
      chain.missing === id
        ? `no response ${describeValue(id)}`
        : `it goes on from ${chain.missing}, which is not there`
    const why = 'it was not stored, was deleted, has expired, made room for others or never was'
    throw fail('previous_response_not_found', `${which}; ${why}`)
  }
  if ('tooLong' in chain) {
    const most = chain.tooLong === 'turns' ? 'turns (maxResponseTurns)' : 'bytes (maxBodyBytes)'
    throw fail('request_too_large', `the conversation has more ${most} than one may have`)
  }
  const last = chain.turns.at(-1)!
  const status = last.isLost ? 'failed' : last.status
  if (status !== 'completed' && status !== 'incomplete') {
    const what = `expected a response that is completed or incomplete, got one that is ${status}`
    throw fail('invalid_request', what)
  }
  return [...chain.turns]
}

function itemsOfTurn(turn: StoredTurn, place: number): PlacedItem[] {
  const { output } = JSON.parse(turn.body) as ResponseObject
  return placeTurn(storedItems(turn), output, place)
}

/** What was said in a turn, as later ones refer to it; turns count from the oldest. */
export function placeTurn(
  input: readonly StoredItem[],
  output: ResponseObject['output'],
  place: number,
): PlacedItem[] {
  const where = `previous_response_id[${place}]`
  return [
    ...input.map((item, i) => ({ item, param: `${where}.input[${i}]` })),
    ...output.map((item, i) => ({ item, param: `${where}.output[${i}]` })),
  ]
}

export function storedItems({ input, media }: StoredInput): StoredItem[] {
  return putMedia(JSON.parse(input), media) as StoredItem[]
}

/** Each reference becomes the item that it names; what is read for it may have `maxBytes`. */
async function resolveReferences(
  store: Reading,
  { tenant, maxBytes }: Asked,
  input: Exclude<WireInput, string>,
): Promise<(WireItem | StoredItem)[]> {
  const read = itemReader(store, tenant, maxBytes)
  const resolved: (WireItem | StoredItem)[] = []
  for (const [i, wire] of input.entries()) {
    if ('role' in wire || (wire.type && wire.type !== 'item_reference')) {
      resolved.push(wire)
      continue
    }
    const { id } = wire as { readonly id: string }
    const param = `input[${i}].id`
    const item = (await read(id, param)).find((one) => one.id === id)
    if (!item) {
      const what = `no item ${describeValue(id)}; its response was not stored, was deleted, has expired or never was`
      throw new AerieError('not_found', `${param}: ${what}`, { param })
    }
    resolved.push(item)
  }
  return resolved
}

/** Reads the items among which one is, each response once. */
function itemReader(store: Reading, tenant: string, maxBytes: number) {
  const known = new Map<string, readonly StoredItem[]>()
  let bytes = 0
  return async (id: string, param: string): Promise<readonly StoredItem[]> => {
    const response = responseOfItem(id)
    if (response === undefined) return []
    const isInput = isInputItem(id)
    const key = `${response} ${isInput}`
    const before = known.get(key)
    if (before) return before
    const input = isInput ? await store.input(tenant, response) : undefined
    const found = isInput ? undefined : await store.find(tenant, response)
    const texts = input ? [input.input, ...input.media] : found ? [found.body] : []
    bytes += texts.reduce((sum, text) => sum + text.length, 0)
    if (bytes > maxBytes) {
      const what = `what is referred to has more than ${maxBytes} bytes (maxBodyBytes)`
      throw new AerieError('request_too_large', `${param}: ${what}`, { param })
    }
    const output = found ? (JSON.parse(found.body) as ResponseObject).output : []
    const items = input ? storedItems(input) : output
    known.set(key, items)
    return items
  }
}
