/** Samples of what keys may use and have used. Names are labels only where the limits file has rules of their own for them. */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Read, Snapshot } from './sources.ts'

export const LIMIT_GAUGES: Readonly<Record<string, readonly [help: string, read: Read]>> = {
  aerie_limit_names: ['Names of keys of whose use something is kept.', (s) => s.limits?.names],
  aerie_limits_shared: [
    'Whether limits are shared with other servers (1), or counted here alone since the database does not answer (0).',
    ({ limits }) => (limits?.shared ? Number(limits.shared.isReached) : undefined),
  ],
}

/** What has labels. Returns what brings the samples up to date. */
export function registerLimits(registry: Registry): (snapshot: Snapshot) => void {
  const registers = [registry]
  const refused = new Counter({
    name: 'aerie_rate_limited_total',
    help: 'Refusals by the limit that a key had used up, or asked for more of than there is.',
    labelNames: ['limit'],
    registers,
  })
  const failures = new Counter({
    name: 'aerie_limits_database_failures_total',
    help: 'Times that the database of shared limits did not answer in time.',
    registers,
  })
  const limit = new Gauge({
    name: 'aerie_rate_limit',
    help: 'Limits of names with rules of their own; of a minute, but for concurrent_requests.',
    labelNames: ['name', 'limit'],
    registers,
  })
  const remaining = new Gauge({
    name: 'aerie_rate_limit_remaining',
    help: 'What is left of them, as far as this server knows.',
    labelNames: ['name', 'limit'],
    registers,
  })
  return ({ limits }) => {
    for (const metric of [refused, failures, limit, remaining]) metric.reset()
    if (!limits) return
    for (const [name, times] of Object.entries(limits.refused))
      refused.inc({ limit: snake(name) }, times)
    failures.inc(limits.shared?.failures ?? 0)
    for (const { name, limit: which, balance } of limits.balances) {
      limit.set({ name, limit: snake(which) }, balance.limit)
      remaining.set({ name, limit: snake(which) }, balance.remaining)
    }
  }
}

const snake = (name: string) => name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)
