/** Rows of either database ↔ records. */

import type { Values } from '../files/sqlite-database.ts'
import type { BatchRecord, TakenLine } from './batch-records.ts'
import type { Batch } from './contract.ts'

/** Columns as `node:sqlite` and `pg` give them. */
type Row = Readonly<Record<string, unknown>>

export const INSERT_BATCH = `INSERT INTO batches
  (id, tenant, endpoint, input_file_id, status, metadata, output_expires_after, created_at, expires_at)
  SELECT :id, :tenant, :endpoint, :input, :status, :metadata, :outputExpiresAfter, :createdAt, :expiresAt`

/** For {@link INSERT_BATCH}, of a batch that is new. */
export function insertedValues(batch: Batch): Values {
  const { id, tenant, endpoint, inputFileId, status, createdAt, expiresAt } = batch
  return {
    ...{ id, tenant, endpoint, input: inputFileId, status, createdAt, expiresAt },
    metadata: batch.metadata === undefined ? null : JSON.stringify(batch.metadata),
    outputExpiresAfter: batch.outputExpiresAfterSeconds ?? null,
  }
}

/** Only checked values are ever inserted, so that texts are what their columns say. */
export function toBatchRecord(row: Row): BatchRecord {
  const { metadata, planned_output: output, planned_error: error } = row
  return {
    id: String(row['id']),
    tenant: String(row['tenant']),
    endpoint: String(row['endpoint']) as Batch['endpoint'],
    inputFileId: String(row['input_file_id']),
    status: String(row['status']) as Batch['status'],
    metadata: metadata === null ? undefined : JSON.parse(String(metadata)),
    outputExpiresAfterSeconds: numberOf(row['output_expires_after']),
    model: textOf(row['model']),
    counts: {
      total: Number(row['total']),
      completed: Number(row['completed']),
      failed: Number(row['failed']),
    },
    usage: {
      inputTokens: Number(row['input_tokens']),
      cachedTokens: Number(row['cached_tokens']),
      outputTokens: Number(row['output_tokens']),
    },
    errors: JSON.parse(String(row['faults'])),
    outputFileId: textOf(row['output_file_id']),
    errorFileId: textOf(row['error_file_id']),
    createdAt: Number(row['created_at']),
    expiresAt: Number(row['expires_at']),
    inProgressAt: numberOf(row['in_progress_at']),
    finalizingAt: numberOf(row['finalizing_at']),
    completedAt: numberOf(row['completed_at']),
    failedAt: numberOf(row['failed_at']),
    expiredAt: numberOf(row['expired_at']),
    cancellingAt: numberOf(row['cancelling_at']),
    cancelledAt: numberOf(row['cancelled_at']),
    read: { bytes: Number(row['read_bytes']), lines: Number(row['read_lines']) },
    planned:
      typeof output === 'string' && typeof error === 'string'
        ? { outputFileId: output, errorFileId: error }
        : undefined,
  }
}

export function toTakenLine(row: Row): TakenLine {
  return {
    batchId: String(row['batch_id']),
    line: Number(row['line']),
    customId: String(row['custom_id']),
    offset: Number(row['offset']),
    length: Number(row['length']),
    media: Number(row['media']),
    crashes: Number(row['crashes']),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
