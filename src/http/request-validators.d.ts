/** The types of the generated request-validators.js; called with a context that says what to do with unknown fields. */
import type { Violation } from './contract-error.ts'

export interface RequestValidator {
  call(context: { readonly ignoreUnknown: boolean }, body: unknown): boolean
  /** Of the last call. */
  readonly errors?: readonly Violation[] | null
}

export const ChatCompletionRequest: RequestValidator
export const CompletionRequest: RequestValidator
export const DetokenizeRequest: RequestValidator
export const MessagesRequest: RequestValidator
export const CountTokensRequest: RequestValidator
export const EmbeddingRequest: RequestValidator
export const TokenizeRequest: RequestValidator
export const FileUploadRequest: RequestValidator
export const FileListQuery: RequestValidator
export const BatchCreateRequest: RequestValidator
export const BatchListQuery: RequestValidator
export const TranscriptionRequest: RequestValidator
export const TranslationRequest: RequestValidator
export const ResponseCreateRequest: RequestValidator
export const ResponseInputTokensRequest: RequestValidator
export const ResponseCompactRequest: RequestValidator
export const ResponseItemsQuery: RequestValidator
export const ResponseRetrieveQuery: RequestValidator
