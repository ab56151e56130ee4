/** Input of a request → items as they are stored and listed: each with an id, a status, and its content as parts. */
import type { WireRequests } from '../contract.ts'
import type { components } from '../openapi.d.ts'
import { itemId } from './item-ids.ts'

export type WireInput = WireRequests['ResponseCreateRequest']['input']
export type WireItem = Exclude<WireInput, string>[number]
export type StoredItem = components['schemas']['ResponseStoredItem']
export type StoredMessage = Extract<StoredItem, { type: 'message' }>

/** An item with the field that it stands in. */
export interface PlacedItem {
  readonly item: StoredItem
  readonly param: string
  /** Its content came as one text, of which the field is this. */
  readonly textParam?: string
}

/** References have been resolved by now, to items that are stored already. The contract has refused every other item. */
export function toStoredItems(
  input: string | readonly (WireItem | StoredItem)[],
  responseId: string,
): PlacedItem[] {
  if (typeof input === 'string') {
    const id = itemId(responseId, 'message', 0, 'input')
    const content = [{ type: 'input_text', text: input }]
    const item: StoredItem = { type: 'message', id, role: 'user', status: 'completed', content }
    return [{ item, param: 'input', textParam: 'input' }]
  }
  return input.map((wire, place) => {
    const param = `input[${place}]`
    const newId = (type: StoredItem['type']) => itemId(responseId, type, place, 'input')
    if ('role' in wire) {
      const { role, content, phase } = wire
      const item: StoredItem = {
        type: 'message',
        id: wire.id ?? newId('message'),
        role,
        status: wire.status ?? 'completed',
        ...(phase && { phase }),
        content: typeof content === 'string' ? [textOf(role, content)] : content.map(withoutNulls),
      }
      return typeof content === 'string'
        ? { item, param, textParam: `${param}.content` }
        : { item, param }
    }
    switch (wire.type) {
      case 'function_call': {
        const { type, call_id, name, status } = wire
        const id = wire.id ?? newId(type)
        const made = { type, id, call_id, name, arguments: wire.arguments }
        return { item: { ...made, status: status ?? 'completed' }, param }
      }
      case 'function_call_output': {
        const { type, call_id, output, status } = wire
        const id = wire.id ?? newId(type)
        const parts = typeof output === 'string' ? output : output.map(withoutNulls)
        return { item: { type, id, call_id, output: parts, status: status ?? 'completed' }, param }
      }
      case 'compaction': {
        const { type, encrypted_content } = wire
        return { item: { type, id: wire.id ?? newId(type), encrypted_content }, param }
      }
      default:
        throw new Error(`the contract let an item of type ${wire.type} through`)
    }
  })
}

/** As it is listed: parts have the fields that official clients count on, also where the request left them out. */
export function toListedItem(item: StoredItem): StoredItem {
  switch (item.type) {
    case 'message':
      return { ...item, content: item.content.map(wholePart) }
    case 'function_call_output': {
      const { output } = item
      return { ...item, output: typeof output === 'string' ? output : output.map(wholePart) }
    }
    default:
      return item
  }
}

function wholePart(part: { readonly type: string }): { type: string } {
  switch (part.type) {
    case 'input_image':
      return { detail: 'auto', ...part } as { type: string }
    case 'output_text':
      return { annotations: [], logprobs: [], ...part } as { type: string }
    default:
      return part
  }
}

function textOf(role: StoredMessage['role'], text: string): StoredMessage['content'][number] {
  return { type: role === 'assistant' ? 'output_text' : 'input_text', text } as { type: string }
}

/** Of earlier answers: log probabilities are of no more use, and what a client has parsed is there as the text. */
const NOT_KEPT: readonly string[] = ['logprobs', 'parsed']

/** `null` means "not given". */
function withoutNulls(part: { readonly type: string }): { type: string } {
  const given = Object.entries(part).filter(
    ([name, value]) => value !== null && value !== undefined && !NOT_KEPT.includes(name),
  )
  return Object.fromEntries(given) as { type: string }
}
