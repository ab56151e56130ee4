/** Batches → wire, and what clients ask for → what the batch room does. */
import type { BatchEndpoint, BatchQuery, BatchState, NewBatch } from '../batches/contract.ts'
import type { WireRequests } from './contract.ts'
import type { components } from './openapi.d.ts'

type Wire = components['schemas']

const DEFAULT_LIMIT = 20

export function toNewBatch(wire: WireRequests['BatchCreateRequest'], tenant: string): NewBatch {
  return {
    tenant,
    // The contract refuses the others that OpenAI has.
    endpoint: wire.endpoint as BatchEndpoint,
    inputFileId: wire.input_file_id,
    metadata: wire.metadata ?? undefined,
    outputExpiresAfterSeconds: wire.output_expires_after?.seconds,
  }
}

export function toBatchQuery(wire: WireRequests['BatchListQuery'], tenant: string): BatchQuery {
  const { after, limit = DEFAULT_LIMIT } = wire
  return { tenant, after, limit }
}

export function toWireBatch(batch: BatchState): Wire['Batch'] {
  const { id, endpoint, inputFileId, status, counts, usage, errors, waitingFor } = batch
  return {
    ...{ id, object: 'batch', endpoint },
    ...(batch.model !== undefined && { model: batch.model }),
    ...(errors.length > 0 && { errors: { object: 'list', data: [...errors] } }),
    ...{ input_file_id: inputFileId, completion_window: '24h', status },
    ...present({ output_file_id: batch.outputFileId, error_file_id: batch.errorFileId }),
    created_at: batch.createdAt,
    expires_at: batch.expiresAt,
    ...present({
      in_progress_at: batch.inProgressAt,
      finalizing_at: batch.finalizingAt,
      completed_at: batch.completedAt,
      failed_at: batch.failedAt,
      expired_at: batch.expiredAt,
      cancelling_at: batch.cancellingAt,
      cancelled_at: batch.cancelledAt,
    }),
    request_counts: { ...counts },
    usage: {
      input_tokens: usage.inputTokens,
      input_tokens_details: { cached_tokens: usage.cachedTokens },
      output_tokens: usage.outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.inputTokens + usage.outputTokens,
    },
    metadata: batch.metadata ? { ...batch.metadata } : null,
    ...(waitingFor !== undefined && { aerie: { waiting_for: waitingFor } }),
  }
}

export function toWireBatchList(page: {
  readonly batches: readonly BatchState[]
  readonly hasMore: boolean
}): Wire['BatchList'] {
  return {
    object: 'list',
    data: page.batches.map(toWireBatch),
    first_id: page.batches[0]?.id ?? null,
    last_id: page.batches.at(-1)?.id ?? null,
    has_more: page.hasMore,
  }
}

/** Without what is undefined. */
function present<Fields extends object>(
  fields: Fields,
): { [K in keyof Fields]?: NonNullable<Fields[K]> } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as { [K in keyof Fields]?: NonNullable<Fields[K]> }
}
