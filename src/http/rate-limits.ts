/** Limits at the edge: who has used what may be used is refused before a body is read, and every answer says what is left. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { FREE_ACCOUNT, runWithAccount } from '../limits/account.ts'
import { LIMIT_NAMES, type RateLimits } from '../limits/rate-limits.ts'
import { isAnthropic } from './anthropic/errors.ts'
import { anthropicLimitHeaders } from './anthropic/limit-headers.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of a POST that costs next to nothing: it counts against no limit. */
    readonly unlimited?: boolean
  }
}

/**
 * Every POST counts, whatever its route; reading, listing and deleting do not. Lines of batches are the server's own requests:
 * they wait behind everybody's, and have bounds of their own.
 */
export function limitRates(app: FastifyInstance, limits: RateLimits): void {
  app.addHook('onRequest', async ({ method, routeOptions, state }, reply) => {
    const { probe = false, unlimited = false } = routeOptions.config
    if (method !== 'POST' || probe || unlimited || state.isInner) return
    const account = limits.open(state.tenant)
    if (!account) return
    state.account = account
    // Before anything is waited for: whoever leaves meanwhile gives the place back as well.
    reply.raw.once('close', () => account.end())
    await account.begin()
  })
  // Last before the handler: what reads the body runs in no request's context.
  app.addHook('preHandler', ({ state }, _reply, done) => {
    // Also where there is none: a line of a batch may run in the context of the request that made the batch.
    runWithAccount(state.account ?? FREE_ACCOUNT, done)
  })
  app.addHook('onSend', async (request, reply) => {
    reply.headers(rateLimitHeaders(request))
  })
}

/**
 * `x-ratelimit-…` as OpenAI has them, with limits of ours beside those of requests and tokens; those of Anthropic's beside them below
 * its routes. Empty without limits.
 */
export function rateLimitHeaders({ state, url }: FastifyRequest): Record<string, string> {
  const balances = state.account?.balances() ?? []
  const headers = isAnthropic(url) ? anthropicLimitHeaders(balances, Date.now()) : {}
  for (const [limit, balance] of balances) {
    const name = LIMIT_NAMES[limit].replaceAll('_', '-')
    headers[`x-ratelimit-limit-${name}`] = String(balance.limit)
    headers[`x-ratelimit-remaining-${name}`] = String(balance.remaining)
    if (balance.resetMs !== undefined)
      headers[`x-ratelimit-reset-${name}`] = duration(balance.resetMs)
  }
  return headers
}

/** As Go writes durations, and OpenAI with it: `120ms`, `1.5s`, `6m0s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`
  const minutes = Math.floor(ms / 60_000)
  const seconds = (ms - minutes * 60_000) / 1000
  return `${minutes === 0 ? '' : `${minutes}m`}${seconds}s`
}
