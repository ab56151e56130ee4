/**
 * Which model comes and which one goes: the one decision of the registry, as a pure function of what there is.
 *
 * Requests for models that are not loaded stand in one line. Its head alone may make others go, so that nobody overtakes and
 * nobody starves: live requests in the order of their arrival, then batches. The models that go are those without a request,
 * the least recently used first, then busy ones: these take nothing new and go when they have answered. None goes before it
 * has been there for `minResidenceMs`, so that two models that fit only one at a time change places now and then, and not
 * with every request. A batch never makes a busy model go, nor one that a live request has used in that time.
 */
import type { ModelState } from './contract.ts'

export interface Candidate {
  readonly state: ModelState
  readonly isPinned: boolean
  /** What it takes when it is loaded; undefined while it has not been found. */
  readonly bytes: number | undefined
  /** Somebody has asked for its end. */
  readonly isAskedToGo: boolean
  readonly leases: number
  /** Numbers of the longest-waiting requests; undefined where there is none. */
  readonly liveSince: number | undefined
  readonly batchSince: number | undefined
  /** Of the clock, all three. */
  readonly loadedAtMs: number
  readonly usedAtMs: number
  readonly usedLiveAtMs: number
}

export interface Rules {
  readonly budgetBytes: number
  readonly minResidenceMs: number
  /** After which a model that nobody uses goes; Infinity: never. */
  readonly idleMs: number
}

export type Step<C> =
  /** It is not known what it takes. */
  | { readonly do: 'find'; readonly one: C }
  | { readonly do: 'load'; readonly one: C }
  | { readonly do: 'unload'; readonly one: C; readonly why: 'memory' | 'idle' | 'asked' }
  /** There is no room for it, whatever goes. */
  | { readonly do: 'refuse'; readonly one: C; readonly pinnedBytes: number }
  /** Until something happens, or a time of the clock. */
  | { readonly do: 'wait'; readonly untilMs: number; readonly leaving: readonly C[] }

/** Of the line; undefined where nobody waits. */
export function headOf<C extends Candidate>(all: readonly C[]): C | undefined {
  const waiting = all.filter(({ state }) => state !== 'loaded' && state !== 'unloading')
  return (
    first(waiting, ({ liveSince }) => liveSince) ?? first(waiting, ({ batchSince }) => batchSince)
  )
}

export function nextStep<C extends Candidate>(
  all: readonly C[],
  rules: Rules,
  nowMs: number,
): Step<C> {
  const loaded = all.filter(({ state }) => state === 'loaded' || state === 'unloading')
  const asked = loaded.filter(({ isAskedToGo }) => isAskedToGo)
  const done = asked.find(({ leases }) => leases === 0)
  if (done) return { do: 'unload', one: done, why: 'asked' }
  const head = headOf(all)
  const forHead = head && stepFor(head, loaded, rules, nowMs)
  if (forHead && forHead.do !== 'wait') return forHead
  const idle = loaded.filter((one) => isIdle(one) && !one.isPinned)
  const idleSince = (one: C) => one.usedAtMs + rules.idleMs
  const expired = idle.find((one) => idleSince(one) <= nowMs)
  if (expired) return { do: 'unload', one: expired, why: 'idle' }
  const untilMs = Math.min(forHead?.untilMs ?? Infinity, ...idle.map(idleSince))
  return { do: 'wait', untilMs, leaving: [...asked, ...(forHead?.leaving ?? [])] }
}

function stepFor<C extends Candidate>(
  head: C,
  loaded: readonly C[],
  { budgetBytes, minResidenceMs }: Rules,
  nowMs: number,
): Step<C> {
  if (head.bytes === undefined) return { do: 'find', one: head }
  const pinnedBytes = bytesOf(loaded.filter(({ isPinned }) => isPinned))
  if (head.bytes > budgetBytes - pinnedBytes) return { do: 'refuse', one: head, pinnedBytes }
  let missing = head.bytes - (budgetBytes - bytesOf(loaded))
  if (missing <= 0) return { do: 'load', one: head }
  const isLive = head.liveSince !== undefined
  const mayGoAt = (one: C) => {
    const stays = one.loadedAtMs + minResidenceMs
    return isLive ? stays : Math.max(stays, one.usedLiveAtMs + minResidenceMs)
  }
  const candidates = loaded
    .filter((one) => !one.isPinned && (isLive || isIdle(one)))
    .map((one) => ({ one, waitMs: Math.max(0, mayGoAt(one) - nowMs), isBusy: !isIdle(one) }))
    .sort(
      (a, b) =>
        a.waitMs - b.waitMs ||
        Number(a.isBusy) - Number(b.isBusy) ||
        a.one.usedAtMs - b.one.usedAtMs,
    )
  const going: (typeof candidates)[number][] = []
  for (const candidate of candidates) {
    if (missing <= 0) break
    going.push(candidate)
    missing -= candidate.one.bytes ?? 0
  }
  // Of a batch: what is busy now may be idle later, and then somebody tells.
  if (missing > 0) return { do: 'wait', untilMs: Infinity, leaving: [] }
  const longest = Math.max(...going.map(({ waitMs }) => waitMs))
  if (longest > 0) return { do: 'wait', untilMs: nowMs + longest, leaving: [] }
  const free = going.find(({ isBusy, one }) => !isBusy || one.leases === 0)
  if (free) return { do: 'unload', one: free.one, why: 'memory' }
  return { do: 'wait', untilMs: Infinity, leaving: going.map(({ one }) => one) }
}

/** Nobody uses it, and nobody is about to. */
function isIdle({ leases, liveSince, batchSince }: Candidate): boolean {
  return leases === 0 && liveSince === undefined && batchSince === undefined
}

function bytesOf(some: readonly Candidate[]): number {
  return some.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
}

/** The one with the lowest number. */
function first<C>(some: readonly C[], numberOf: (one: C) => number | undefined): C | undefined {
  let best: C | undefined
  let lowest = Infinity
  for (const one of some) {
    const number = numberOf(one) ?? Infinity
    if (number < lowest) [best, lowest] = [one, number]
  }
  return best
}
