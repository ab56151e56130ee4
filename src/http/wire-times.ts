/** Milliseconds at stations → wire. */
import type { StationTimes } from '../chat/contract.ts'
import type { components } from './openapi.d.ts'

/** Microseconds are as much as anybody can believe. */
export function toWireTimes(stations: StationTimes): components['schemas']['StationTimes'] {
  const rounded = Object.entries(stations).map(([name, ms]) => [name, Math.round(ms * 1000) / 1000])
  return Object.fromEntries(rounded)
}
