/** Ids of responses, and of items: these name the response that they belong to, so that an item is found by its id alone. */
import { randomBytes } from 'node:crypto'
import type { components } from '../openapi.d.ts'

type StoredItem = components['schemas']['ResponseStoredItem']

const PREFIXES = {
  message: 'msg',
  function_call: 'fc',
  function_call_output: 'fco',
  compaction: 'cmp',
} as const
const ITEM_ID = /^(?:msg|fc|fco|cmp)_([0-9a-f]{36})_i?\d{1,7}$/

/** `resp_`, 12 digits of milliseconds since 1970, 24 random ones (96 bits): ids that nobody can guess and that sort by their time. */
export function newResponseId(nowMs: number): string {
  return `resp_${nowMs.toString(16).padStart(12, '0')}${randomBytes(12).toString('hex')}`
}

/** Of the item of the output, or of the input, at that place. */
export function itemId(
  responseId: string,
  type: StoredItem['type'],
  place: number,
  of: 'input' | 'output',
): string {
  const hex = responseId.slice('resp_'.length)
  return `${PREFIXES[type]}_${hex}_${of === 'input' ? 'i' : ''}${place}`
}

/** The response whose item has this id; undefined for ids that this server has not given. */
export function responseOfItem(id: string): string | undefined {
  const [, hex] = ITEM_ID.exec(id) ?? []
  return hex === undefined ? undefined : `resp_${hex}`
}

/** Whether an item with such an id was part of the input of its response. */
export function isInputItem(id: string): boolean {
  return id.includes('_i')
}
