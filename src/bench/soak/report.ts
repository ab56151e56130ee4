/** What a soak showed, as text and as JSON. */
import { alignedTable } from '../table.ts'
import { mib, restPeak, type SoakResult } from './run.ts'

export function asText(result: SoakResult): string {
  const { kinds, parts, growth, growthFrom, limit, ownPeak, leftOver, minutes } = result
  const [requests, failed] = totals(result)
  const [early, late] = [parts[growthFrom]!, parts.at(-1)!].map(
    ({ own, descendants }) => own + descendants,
  )
  const left = Object.entries(leftOver).filter(([, value]) => value !== 0)
  const failures = kinds.filter(({ firstError }) => firstError !== null)
  return [
    alignedTable([
      ['kind', 'requests', 'failed'],
      ...kinds.map(({ kind, requests, failed }) => [kind, String(requests), String(failed)]),
    ]),
    ...failures.map(({ kind, firstError }) => `failed, ${kind}: ${firstError}`),
    `${requests} requests in ${minutes.toFixed(1)} minutes, ${failed} failed; resident memory of all processes ` +
      `${mib(early!)} after ${growthFrom + 1} of ${parts.length} tenths${parts[growthFrom]!.isWarm ? ', when the caches were full' : ''}, ${mib(late!)} at the end (${grown(growth)})`,
    `the server's process alone, after each tenth: ${parts.map(({ own }) => mib(own)).join(', ')}; at most ${mib(ownPeak)} with what was under way`,
    ...(limit
      ? [
          `limit ${mib(limit.total)} = weights ${mib(limit.weights)} + kvCacheBytes ${mib(limit.kv)} + ` +
            `encoderCacheBytes ${mib(limit.features)} + ${mib(limit.rest)} (200 MB) for all else: ` +
            `${restPeak(parts) <= limit.total ? 'kept' : 'EXCEEDED'}`,
        ]
      : []),
    left.length === 0
      ? 'nothing left over'
      : `left over: ${left.map(([name, value]) => `${name} ${value}`).join(', ')}`,
  ].join('\n')
}

export function asJson(result: SoakResult): string {
  const { kinds, parts, growth, growthFrom, limit, ownPeak, leftOver, minutes } = result
  const [requests, failed] = totals(result)
  const all = parts.map(({ own, descendants }) => own + descendants)
  return JSON.stringify({
    ...{ minutes, requests, failed },
    first_error: kinds.find(({ firstError }) => firstError !== null)?.firstError ?? null,
    kinds: kinds.map(({ kind, requests, failed, firstError }) => ({
      ...{ kind, requests, failed },
      first_error: firstError,
    })),
    rss_growth_from_tenth: growthFrom + 1,
    rss_at_end_bytes: all.at(-1),
    rss_by_tenth_bytes: all,
    rss_growth: growth,
    server_rss_by_tenth_bytes: parts.map(({ own }) => own),
    server_rss_peak_bytes: ownPeak,
    server_rss_limit_bytes: limit ?? null,
    left_over: leftOver,
  })
}

function grown(growth: number | null): string {
  if (growth !== null) return `${(100 * growth).toFixed(1)} %`
  return 'growth NOT JUDGED: the caches were full too late, send more'
}

function totals({ kinds }: SoakResult): [requests: number, failed: number] {
  return kinds.reduce(
    ([requests, failed], kind) => [requests + kind.requests, failed + kind.failed],
    [0, 0],
  )
}
