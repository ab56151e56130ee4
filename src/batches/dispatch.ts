/** What runs one line: the route that a client would have asked, behind a function. */
import type { ErrorCode } from '../errors.ts'
import type { BatchEndpoint, BatchUsage } from './contract.ts'

export interface LineRequest {
  readonly endpoint: BatchEndpoint
  /** JSON, as it is in the input file. */
  readonly body: Buffer
  readonly tenant: string
  readonly batchId: string
  readonly signal: AbortSignal
}

export interface LineAnswer {
  readonly status: number
  /** Why it failed; undefined where it did not. */
  readonly code: ErrorCode | undefined
  readonly requestId: string
  /** JSON. */
  readonly body: Buffer
  readonly usage: BatchUsage
  /** After which trying again makes sense; undefined where nothing was said. */
  readonly retryAfterMs: number | undefined
}

/** Never rejects for what a route answers. */
export type Dispatch = (request: LineRequest) => Promise<LineAnswer>
