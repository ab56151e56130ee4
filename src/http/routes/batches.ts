/** `/v1/batches`: create, list, describe, cancel. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { BatchService, BatchState } from '../../batches/contract.ts'
import { AerieError } from '../../errors.ts'
import { currentSpan } from '../../tracing/trace.ts'
import type { Tracing } from '../../tracing/tracing.ts'
import type { Contract } from '../contract.ts'
import { describeValue } from '../describe.ts'
import { acceptNoBody } from '../no-body.ts'
import { toBatchQuery, toNewBatch, toWireBatch, toWireBatchList } from '../wire-batches.ts'
import { fromQueryText } from '../wire-files.ts'

interface BatchRoutes {
  readonly batches: BatchService
  readonly contract: Contract
  readonly tracing: Tracing | undefined
}

type Named = FastifyRequest<{ Params: { batch_id: string } }>

export async function batchRoutes(
  app: FastifyInstance,
  { batches, contract, tracing }: BatchRoutes,
): Promise<void> {
  app.post('/v1/batches', async ({ body, state }) => {
    const wire = contract.check('BatchCreateRequest', body)
    const batch = await batches.create(toNewBatch(wire, state.tenant))
    state.facts['batch'] = batch.id
    tracing?.batch(batch.id, currentSpan())
    return toWireBatch(batch)
  })

  app.get('/v1/batches', { config: { query: ['after', 'limit'] } }, async ({ query, state }) => {
    const wire = contract.check('BatchListQuery', fromQueryText(query as Record<string, unknown>))
    return toWireBatchList(await batches.list(toBatchQuery(wire, state.tenant)))
  })

  app.get('/v1/batches/:batch_id', async ({ params, state }: Named) =>
    toWireBatch(required(await batches.find(state.tenant, params.batch_id), params.batch_id)),
  )

  await app.register(async (scope) => {
    acceptNoBody(scope)
    // Whoever has used all must still be able to stop what costs more.
    const config = { unlimited: true }
    scope.post('/v1/batches/:batch_id/cancel', { config }, async ({ params, state }: Named) =>
      toWireBatch(required(await batches.cancel(state.tenant, params.batch_id), params.batch_id)),
    )
  })
}

function required(batch: BatchState | undefined, id: string): BatchState {
  if (batch) return batch
  const what = `no batch ${describeValue(id)}; it never was, or is forgotten`
  throw new AerieError('not_found', what, { param: 'batch_id' })
}
