/** The header `server-timing`: milliseconds at each station, as browsers read it. */
import { STATIONS, type StationTimes } from '../chat/contract.ts'
import type { RequestState } from './request-state.ts'

/** Its value, up to now. */
export function serverTiming(
  times: StationTimes,
  { arrived }: Pick<RequestState, 'arrived'>,
): string {
  const stations = STATIONS.flatMap((name) => {
    const ms = times[name]
    return ms === undefined ? [] : [`${name};dur=${ms.toFixed(1)}`]
  })
  return [...stations, `total;dur=${(performance.now() - arrived).toFixed(1)}`].join(', ')
}
