/** A request that comes as a message over a connection that stays open: watched, limited and told of as one that comes by itself. */
import type { FastifyRequest } from 'fastify'
import { FREE_ACCOUNT, runWithAccount } from '../limits/account.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { NO_SPAN, runInSpan } from '../tracing/trace.ts'
import { ERROR_STATUS } from './openai-error.ts'
import { requestId } from './request-id.ts'
import { type Asking, type RequestState, tellEnd, type Watchers } from './request-state.ts'
import { beginTurnSpan } from './trace.ts'

export interface TurnWatchers extends Watchers {
  readonly limits?: RateLimits | undefined
}

/**
 * Runs `work` as a request of its own, which ends when it has settled; `work` notes failures in `state.code` and does not reject. The
 * signal is that of whoever wants the answer. It counts against the limits of the key when `work` calls `begin`, which rejects where
 * nothing is left.
 */
export async function runTurn(
  handshake: FastifyRequest,
  watchers: TurnWatchers,
  signal: AbortSignal,
  work: (turn: Asking, begin: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { raw, headers, server, routeOptions } = handshake
  const id = requestId({})
  const asking = { id, raw, headers, server, routeOptions }
  const { tenant } = handshake.state
  const account = watchers.limits?.open(tenant)
  const span = watchers.tracing && beginTurnSpan(watchers.tracing, asking)
  const state: RequestState = {
    ...{ arrived: performance.now(), signal, tenant, isInner: false, isUpgraded: false },
    ...{ account, span, code: undefined },
    facts: { connection: handshake.id, ...(span?.isRecording && { traceId: span.traceId }) },
  }
  const turn: Asking = { ...asking, state }
  try {
    await runInSpan(span ?? NO_SPAN, () =>
      runWithAccount(account ?? FREE_ACCOUNT, () => work(turn, async () => account?.begin())),
    )
  } finally {
    account?.end()
    const code = state.code ?? 'ok'
    const status = code === 'ok' ? 200 : ERROR_STATUS[code].status
    tellEnd(watchers, turn, { method: 'WEBSOCKET', status, code })
  }
}
