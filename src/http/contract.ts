/** Checks request bodies with the schemas of openapi.yaml. */
import { contractError } from './contract-error.ts'
import type { components } from './openapi.d.ts'
import {
  BatchCreateRequest,
  BatchListQuery,
  ChatCompletionRequest,
  CompletionRequest,
  CountTokensRequest,
  DetokenizeRequest,
  EmbeddingRequest,
  FileListQuery,
  FileUploadRequest,
  MessagesRequest,
  ResponseCompactRequest,
  ResponseCreateRequest,
  ResponseInputTokensRequest,
  ResponseItemsQuery,
  ResponseRetrieveQuery,
  TokenizeRequest,
  TranscriptionRequest,
  TranslationRequest,
} from './request-validators.js'

/** The bodies that clients send, in wire spelling. */
export type WireRequests = Pick<
  components['schemas'],
  | 'ChatCompletionRequest'
  | 'CompletionRequest'
  | 'DetokenizeRequest'
  | 'MessagesRequest'
  | 'CountTokensRequest'
  | 'EmbeddingRequest'
  | 'TokenizeRequest'
  | 'FileUploadRequest'
  | 'FileListQuery'
  | 'BatchCreateRequest'
  | 'BatchListQuery'
  | 'TranscriptionRequest'
  | 'TranslationRequest'
  | 'ResponseCreateRequest'
  | 'ResponseCompactRequest'
  | 'ResponseInputTokensRequest'
  | 'ResponseItemsQuery'
  | 'ResponseRetrieveQuery'
>

const VALIDATORS = {
  ChatCompletionRequest,
  CompletionRequest,
  DetokenizeRequest,
  MessagesRequest,
  CountTokensRequest,
  EmbeddingRequest,
  TokenizeRequest,
  FileUploadRequest,
  FileListQuery,
  BatchCreateRequest,
  BatchListQuery,
  TranscriptionRequest,
  TranslationRequest,
  ResponseCreateRequest,
  ResponseCompactRequest,
  ResponseInputTokensRequest,
  ResponseItemsQuery,
  ResponseRetrieveQuery,
}

export interface Contract {
  /**
   * The body as its type, or an AerieError that names the first wrong field: `invalid_request`,
   * `unknown_parameter` or `unsupported_parameter`. Where unknown fields are ignored they are deleted from it.
   */
  check<Name extends keyof WireRequests>(name: Name, body: unknown): WireRequests[Name]
}

export interface ContractOptions {
  /** What happens to fields that the API does not define. */
  readonly unknownFields: 'refuse' | 'ignore'
}

export function createContract({ unknownFields }: ContractOptions): Contract {
  const context = { ignoreUnknown: unknownFields === 'ignore' }
  return {
    check<Name extends keyof WireRequests>(name: Name, body: unknown) {
      const validate = VALIDATORS[name]
      if (!validate.call(context, body)) throw contractError(validate.errors ?? [], body)
      return body as WireRequests[Name] // the validator and the type come from one schema
    },
  }
}
