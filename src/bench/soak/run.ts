/** Lets the traffic run and reads the server's memory meanwhile. */
import { setTimeout as delay } from 'node:timers/promises'
import { type MetricsPage, readMetrics } from '../metrics-page.ts'
import type { BenchTarget } from '../options.ts'
import type { TreeMemory } from '../process-tree.ts'
import type { MemoryLimit } from './memory-limit.ts'
import { PARTS, type Traffic } from './phases.ts'
import type { KindCount } from './traffic.ts'

/** Bytes, at rest after a part of the traffic. */
export interface PartReading extends TreeMemory {
  /** Highest of the process alone during the part. */
  readonly ownPeak: number
  /** Whether the caches of features and of prefixes had what they may have. */
  readonly isWarm: boolean
}

export interface SoakResult {
  readonly minutes: number
  readonly kinds: readonly KindCount[]
  readonly parts: readonly PartReading[]
  /**
   * Of everything together, from the end of part `growthFrom`, counted from 0, to that of the last. Null when the caches
   * were full only in the last half: what is left of the traffic says nothing.
   */
  readonly growth: number | null
  /** The first part at whose end the caches were full; where they never were, the first. */
  readonly growthFrom: number
  /** Of the process alone, between the parts; undefined for a server that ran already. */
  readonly limit: MemoryLimit | undefined
  readonly ownPeak: number
  /** By name in /metrics; all are 0 where nothing is left over. */
  readonly leftOver: Readonly<Record<string, number>>
}

const MOST_GROWTH = 0.1
const READ_EVERY_MS = 500
/** What belongs to the last requests of a part is given back. */
const REST_MS = 1000
/** Gauges of what they hold; with `_max` of what they may hold. */
const CACHES = ['aerie_kv_blocks_cached', 'aerie_encoder_cache_bytes']
const FULL = 0.9
const GAUGES = [
  'aerie_sequences_running',
  'aerie_sequences_waiting',
  'aerie_encoder_waiting',
  'aerie_media_waiting',
  'aerie_media_bytes_in_use',
  'aerie_kv_blocks_used',
]

export async function soakServer(
  { server, apiKey }: BenchTarget,
  traffic: Traffic,
  limit: MemoryLimit | undefined,
  say: (line: string) => void,
): Promise<SoakResult> {
  const start = performance.now()
  const kinds = new Map<string, KindCount>()
  const parts: PartReading[] = []
  let metrics: MetricsPage = new Map()
  for (let part = 0; part < PARTS; part++) {
    const peak = watchPeak(() => server.memory()?.own ?? 0)
    const counts = await traffic.send(part)
    const ownPeak = peak.highest()
    await delay(REST_MS)
    metrics = await readMetrics(server.url, apiKey)
    for (const count of counts) kinds.set(count.kind, added(kinds.get(count.kind), count))
    // A server that runs elsewhere tells only of its main process.
    const memory = server.memory() ?? {
      own: metrics.get('process_resident_memory_bytes') ?? Number.NaN,
      descendants: 0,
    }
    parts.push({
      ...memory,
      ownPeak: Math.max(ownPeak, memory.own),
      isWarm: CACHES.every((name) => isFull(metrics, name)),
    })
    const requests = [...kinds.values()].reduce((sum, kind) => sum + kind.requests, 0)
    say(
      `${part + 1} of ${PARTS}: ${requests} requests; ${mib(memory.own)}, ` +
        `at most ${mib(parts.at(-1)!.ownPeak)}, and ${mib(memory.descendants)} in other processes`,
    )
  }
  const whole = ({ own, descendants }: TreeMemory) => own + descendants
  const growthFrom = Math.max(
    0,
    parts.findIndex(({ isWarm }) => isWarm),
  )
  const isJudged = growthFrom < PARTS / 2
  return {
    minutes: (performance.now() - start) / 60_000,
    kinds: [...kinds.values()],
    parts,
    growth: isJudged ? whole(parts.at(-1)!) / whole(parts[growthFrom]!) - 1 : null,
    growthFrom,
    limit,
    ownPeak: Math.max(...parts.map(({ ownPeak }) => ownPeak)),
    leftOver: Object.fromEntries(GAUGES.map((name) => [name, metrics.get(name) ?? Number.NaN])),
  }
}

/** Highest of the server's process between the parts, when nothing is under way. */
export function restPeak(parts: readonly PartReading[]): number {
  return Math.max(...parts.map(({ own }) => own))
}

export function isGood({ kinds, growth, limit, parts, leftOver }: SoakResult): boolean {
  return (
    kinds.every(({ failed }) => failed === 0) &&
    growth !== null &&
    growth <= MOST_GROWTH &&
    (limit === undefined || restPeak(parts) <= limit.total) &&
    Object.values(leftOver).every((value) => value === 0)
  )
}

/** What a server has not is full. */
function isFull(metrics: MetricsPage, name: string): boolean {
  return !(metrics.get(name)! < FULL * metrics.get(`${name}_max`)!)
}

export const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`

function watchPeak(read: () => number) {
  let most = 0
  const take = () => {
    most = Math.max(most, read())
  }
  const timer = setInterval(take, READ_EVERY_MS)
  return {
    highest(): number {
      clearInterval(timer)
      return most
    },
  }
}

function added(before: KindCount | undefined, more: KindCount): KindCount {
  if (before === undefined) return more
  return {
    kind: more.kind,
    requests: before.requests + more.requests,
    failed: before.failed + more.failed,
    firstError: before.firstError ?? more.firstError,
  }
}
