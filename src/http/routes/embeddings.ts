/** `/v1/embeddings`: checks the body, asks the embeddings room, sends JSON piece by piece. */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type EmbeddingService, embeddingTokens } from '../../embeddings/contract.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Contract } from '../contract.ts'
import { noteEndUser } from '../end-user.ts'
import { serverTiming } from '../server-timing.ts'
import { embeddingJson, toEmbeddingForm, toEmbeddingRequest } from '../wire-embeddings.ts'

interface EmbeddingsRoute {
  readonly service: EmbeddingService
  readonly contract: Contract
  readonly metrics: Metrics
}

export function embeddingsRoute(
  app: FastifyInstance,
  { service, contract, metrics }: EmbeddingsRoute,
): void {
  app.post('/v1/embeddings', async ({ body, state }, reply) => {
    const wire = contract.check('EmbeddingRequest', body)
    noteEndUser(state, wire.user)
    const result = await service.embed(toEmbeddingRequest(wire, state), state.signal)
    metrics.stations(result.stations)
    state.facts['model'] = result.model
    state.facts['promptTokens'] = embeddingTokens(result.embeddings)
    const json = embeddingJson(result, toEmbeddingForm(wire))
    return reply
      .type('application/json; charset=utf-8')
      .header('server-timing', serverTiming(result.stations, state))
      .send(Readable.from(json, { objectMode: false }))
  })
}
