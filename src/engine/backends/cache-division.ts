/** How the memory of a decoder's cache is divided between blocks of keys and values and slots of recurrent states. */
import { AerieError } from '../../errors.ts'
import { SLOTS_WHILE_RUNNING } from '../backend.ts'
import { BLOCKS_BETWEEN_STATES } from './state-table.ts'

/** Kept prefixes may hold half of the blocks, and have a state behind every so many of theirs. */
const BLOCKS_OF_A_KEPT_STATE = 2 * BLOCKS_BETWEEN_STATES

export interface CacheDemand {
  /** `kvCacheBytes` */
  readonly bytes: number
  readonly blockBytes: number
  /** Of all recurrences of a sequence together; 0: the decoder has none. */
  readonly stateBytes: number
  readonly maxRunning: number
}

export interface CacheDivision {
  readonly kvBytes: number
  readonly slots: number
}

/**
 * States of `maxRunning` sequences come first, though not beyond half of the memory: with fewer slots, fewer run at once. The rest
 * is for blocks, and for the states of the prefixes that these may hold. Throws `invalid_config` when half does not hold the
 * states of one sequence.
 */
export function divideCache({
  bytes,
  blockBytes,
  stateBytes,
  maxRunning,
}: CacheDemand): CacheDivision {
  if (stateBytes === 0) return { kvBytes: bytes, slots: 0 }
  const running = Math.min(SLOTS_WHILE_RUNNING * maxRunning, Math.floor(bytes / 2 / stateBytes))
  if (running < SLOTS_WHILE_RUNNING)
    throw new AerieError(
      'invalid_config',
      `kvCacheBytes ${bytes}: half of it does not hold the two recurrent states, of ${stateBytes} bytes each, that a running sequence takes`,
    )
  const rest = bytes - running * stateBytes
  const blocks = Math.floor(rest / (blockBytes + stateBytes / BLOCKS_OF_A_KEPT_STATE))
  const kept = Math.floor((rest - blocks * blockBytes) / stateBytes)
  const slots = running + kept
  return { kvBytes: bytes - slots * stateBytes, slots }
}
