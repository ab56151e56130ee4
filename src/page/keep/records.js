/** Turns as they are kept, and as they are shown. */
import { runningHere } from '../conversation/conversation.js'
import { randomId } from '../parts/random-id.js'
import { TAB } from './tabs.js'

/** @typedef {import('../types.d.ts').Exchange} Exchange */
/** @typedef {import('../types.d.ts').KeptExchange} KeptExchange */

/** The state that a turn was last written or read in. */
export class Kept {
  /**
   * @param {Exchange} exchange
   * @param {KeptExchange} record
   * @param {boolean} isWritten whether the database has it, in this state or an earlier one
   */
  constructor(exchange, record, isWritten) {
    this.exchange = exchange
    this.record = record
    this.isWritten = isWritten
  }
}

/**
 * @param {Exchange} exchange
 * @param {KeptExchange | undefined} before
 * @returns {KeptExchange}
 */
export function recordOf({ lost: _, media, ...exchange }, before) {
  return {
    ...exchange,
    media: media.map(({ blob: _, ...attachment }) => attachment),
    mediaIds: media.map(({ id }) => id),
    version: randomId(),
    changed: Math.max(Date.now(), (before?.changed ?? 0) + 1),
    ...(runningHere(exchange.id) && { owner: TAB }),
  }
}

/**
 * @param {KeptExchange} record
 * @param {ReadonlyMap<string, Blob>} blobs
 * @returns {Exchange}
 */
export function exchangeOf(record, blobs) {
  const { mediaIds: _, version: __, changed: ___, owner: ____, media, ...exchange } = record
  const lost = media.filter(({ id }) => !blobs.has(id)).map(({ name }) => name)
  return {
    ...exchange,
    media: media.flatMap((attachment) => {
      const blob = blobs.get(attachment.id)
      return blob ? [{ ...attachment, blob }] : []
    }),
    ...(lost.length > 0 && { lost }),
  }
}

/**
 * How a turn that has changed is to be written. An answer is its tab's: another one only says that it is over, and only of what it
 * has read. What was deleted elsewhere is not to come back.
 * @param {Exchange} exchange
 * @param {Kept | undefined} before
 * @returns {import('./database.js').ExchangeWrite}
 */
export function writeOf(exchange, before) {
  const record = recordOf(exchange, before?.record)
  if (!before?.isWritten) return { record }
  const { owner = TAB, version } = before.record
  const isOthers = owner !== TAB && !runningHere(exchange.id)
  return { record, over: isOthers ? version : 'any' }
}
