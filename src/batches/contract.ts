/** Batches as the rest of the server sees them: plain types, no database, no files. */
import type { ConnectionStats } from '../files/contract.ts'

/** Routes that a batch may be for; each line's body is one request to it. */
export const BATCH_ENDPOINTS = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
  '/v1/tokenize',
] as const
export type BatchEndpoint = (typeof BATCH_ENDPOINTS)[number]

export const BATCH_STATUSES = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
] as const
export type BatchStatus = (typeof BATCH_STATUSES)[number]

/** Nothing becomes of a batch any more that has one of these. */
export const ENDED: readonly BatchStatus[] = ['failed', 'completed', 'expired', 'cancelled']

export interface Batch {
  /** `batch_` and 36 hexadecimal digits, which sort as the batches were created. */
  readonly id: string
  /** Name of the API key that made it; nobody else sees it. */
  readonly tenant: string
  readonly endpoint: BatchEndpoint
  readonly inputFileId: string
  readonly status: BatchStatus
  readonly metadata: Readonly<Record<string, string>> | undefined
  /** Seconds that its files are kept after they are made; undefined: until they are deleted. */
  readonly outputExpiresAfterSeconds: number | undefined
  /** What its lines ask; undefined until they are read, and where they ask several. */
  readonly model: string | undefined
  /** Of lines. `failed` are those of the error file; when it has ended, each is one or the other. */
  readonly counts: { readonly total: number; readonly completed: number; readonly failed: number }
  readonly usage: BatchUsage
  /** What is wrong with the input; the first of them. */
  readonly errors: readonly BatchFault[]
  /** Set when the batch has ended and there is such a file. */
  readonly outputFileId: string | undefined
  readonly errorFileId: string | undefined
  /** Unix seconds, each set when it happens. */
  readonly createdAt: number
  readonly expiresAt: number
  readonly inProgressAt: number | undefined
  readonly finalizingAt: number | undefined
  readonly completedAt: number | undefined
  readonly failedAt: number | undefined
  readonly expiredAt: number | undefined
  readonly cancellingAt: number | undefined
  readonly cancelledAt: number | undefined
}

/** Tokens of all answers. */
export interface BatchUsage {
  readonly inputTokens: number
  /** Of `inputTokens`: not computed again. */
  readonly cachedTokens: number
  readonly outputTokens: number
}

/** One thing that is wrong with an input file. */
export interface BatchFault {
  readonly code: string
  readonly message: string
  /** From 1; null for what is wrong with the whole file. */
  readonly line: number | null
  /** The field of the line, in wire spelling. */
  readonly param: string | null
}

export interface BatchQuery {
  readonly tenant: string
  /** Batches older than this one, newest first. It need not exist any more. */
  readonly after: string | undefined
  readonly limit: number
}

export interface BatchPage {
  readonly batches: readonly Batch[]
  readonly hasMore: boolean
}

/** A batch that is there, and why it gets no further at the moment; undefined where it does. */
export interface BatchState extends Batch {
  readonly waitingFor: string | undefined
}

/** What a client asks for, checked. */
export interface NewBatch {
  readonly tenant: string
  readonly endpoint: BatchEndpoint
  readonly inputFileId: string
  readonly metadata: Readonly<Record<string, string>> | undefined
  readonly outputExpiresAfterSeconds: number | undefined
}

export interface BatchStats {
  /** Of all tenants and servers, that have not ended, by status; as of the last look. */
  readonly batches: Readonly<Partial<Record<BatchStatus, number>>>
  /** Of them: lines without a result, and bytes of results that are in no file yet. */
  readonly lines: number
  readonly maxLines: number
  readonly resultBytes: number
  /** Lines that this server runs, has taken besides, and may run at a time: now, and at most. */
  readonly running: number
  readonly ready: number
  readonly limit: number
  readonly concurrency: number
  /** Since start, by this process. */
  readonly completed: number
  readonly failed: number
  readonly failures: number
  /** To a database that is elsewhere. */
  readonly database: ConnectionStats | undefined
}

/** Batches of all tenants. Every method may reject with `storage_failure`, or `shutting_down` after the end. */
export interface BatchService {
  /** Rejects with `not_found` or `invalid_request` for the input file, `queue_full` for one batch too many. */
  create(batch: NewBatch): Promise<BatchState>
  /** Undefined for what is not there, or another tenant's. */
  find(tenant: string, id: string): Promise<BatchState | undefined>
  list(
    query: BatchQuery,
  ): Promise<{ readonly batches: readonly BatchState[]; readonly hasMore: boolean }>
  /** What is running of it ends. Undefined as with `find`; rejects with `invalid_request` where it has ended. */
  cancel(tenant: string, id: string): Promise<BatchState | undefined>
  stats(): BatchStats
}

const BATCH_ID = /^batch_[0-9a-f]{36}$/

export function isBatchId(text: string): boolean {
  return BATCH_ID.test(text)
}
