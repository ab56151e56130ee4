/** `/livez` and `/readyz`. */
import type { FastifyInstance } from 'fastify'
import { AerieError } from '../../errors.ts'
import { errorBody, errorHeaders } from '../openai-error.ts'
import type { components } from '../openapi.d.ts'

interface HealthRoutes {
  /** Why a request would not be served now; empty when it would. */
  problems(): readonly string[]
}

export function healthRoutes(app: FastifyInstance, { problems }: HealthRoutes): void {
  // That this runs at all is the answer: the event loop turns.
  app.get('/livez', { config: { probe: true } }, async () => ({ status: 'ok' }))

  app.get('/readyz', { config: { probe: true } }, async (_request, reply) => {
    const reasons = [...problems()]
    if (reasons.length === 0) return { status: 'ready', reasons } satisfies Readiness
    const error = new AerieError('not_ready', `not ready: ${reasons.join('; ')}`)
    const body: Readiness = { status: 'not_ready', reasons, ...errorBody(error) }
    return reply.code(503).headers(errorHeaders(error)).send(body)
  })
}

type Readiness = components['schemas']['Readiness']
