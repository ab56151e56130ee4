/** Queries: few routes have one, and a parameter that none knows would be a silent one. */
import type { FastifyRequest } from 'fastify'
import { AerieError } from '../errors.ts'
import { joinField } from './describe.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Parameters that the route knows. */
    readonly query?: readonly string[]
  }
}

/** An `onRequest` hook. Probes are lenient, because those who probe cannot choose what is appended. */
export async function refuseQuery(request: FastifyRequest): Promise<void> {
  if (request.is404 || request.routeOptions.config.probe) return
  const { query: known = [] } = request.routeOptions.config
  const name = Object.keys(request.query as object).find((key) => !known.includes(key))
  if (name === undefined) return
  const param = joinField('', name)
  throw new AerieError('unknown_parameter', `the query: ${param}: unknown parameter`, { param })
}
