/** Queries: the API has none, so a parameter there would be a silent one. */
import type { FastifyRequest } from 'fastify'
import { AerieError } from '../errors.ts'
import { joinField } from './describe.ts'

/** An `onRequest` hook. Probes are lenient, because those who probe cannot choose what is appended. */
export async function refuseQuery(request: FastifyRequest): Promise<void> {
  if (request.is404 || request.routeOptions.config.probe) return
  const [name] = Object.keys(request.query as Record<string, unknown>)
  if (name === undefined) return
  const param = joinField('', name)
  throw new AerieError('unknown_parameter', `the query: ${param}: unknown parameter`, { param })
}
