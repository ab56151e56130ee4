/** What routes of responses work with. */
import type { ChatService } from '../../chat/contract.ts'
import type { ResponseStore } from '../../responses/contract.ts'
import type { ModelDirectory } from '../../serving/contract.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Contract } from '../contract.ts'
import type { BackgroundResponses } from './background.ts'
import type { RunningResponses } from './run.ts'

export interface ResponseRoom {
  readonly service: Pick<ChatService, 'complete' | 'tokenize'>
  readonly models: Pick<ModelDirectory, 'find'>
  readonly store: ResponseStore
  readonly runs: RunningResponses
  readonly background: BackgroundResponses
  readonly contract: Contract
  readonly metrics: Metrics
  readonly logger: Logger
  readonly heartbeatMs: number
  /** Of a conversation. */
  readonly maxBytes: number
}
