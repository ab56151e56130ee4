/** The one error class of the server and the closed list of its codes. Imports nothing. */

/** What each code means to a reader; `docs/errors.md` and this table are kept equal by a test. */
export const ERROR_CODES = {
  // The request
  invalid_json: 'The body is not valid JSON.',
  invalid_request: 'A field is missing, of the wrong type or outside its range.',
  unknown_parameter: 'A field that the API does not define.',
  unsupported_parameter:
    'A field or value that the API defines and this server or model does not honour.',
  invalid_api_key: 'No API key, or one that is not in the key file.',
  host_not_allowed:
    'The Host header is a name that this server is not known by, or a page of another origin opens a WebSocket.',
  not_found: 'No such route or object.',
  method_not_allowed: 'The route exists, but not for this HTTP method.',
  unsupported_media_type: 'The body is not of a content type that the route accepts.',
  range_not_satisfiable: 'The Range header asks for bytes that the file does not have.',
  request_too_large: 'The body has too many bytes or too many values.',
  request_timeout: 'The request did not arrive in time.',
  upgrade_required: 'The route, asked with GET, is a WebSocket.',
  previous_response_not_found:
    'The response that is to be gone on from is not there, not any more, or kept by another connection.',
  websocket_connection_limit_reached: 'The WebSocket has been open for as long as one may be.',
  model_not_found: 'No model of that name is served.',
  context_length_exceeded:
    'The prompt and the answer together exceed the context of the model, or the prompt alone what the model was trained to read.',
  // Media
  invalid_media:
    'The bytes are no picture, clip, sound or document that can be decoded, or are truncated.',
  unsupported_media:
    'A kind or format of media that is recognised and not taken here, or that needs a program which is not installed.',
  media_too_large:
    'A picture, clip, sound or document exceeds a limit: bytes, pixels, side, aspect ratio, length, pages, count or time to decode.',
  media_fetch_failed: 'A URL could not be fetched: host not allowed, unreachable or too slow.',
  // Load
  queue_full: 'The waiting queue is full; try again after the time in Retry-After.',
  rate_limit_exceeded:
    'The key has used what it may for now, or asks for more at once than it ever may.',
  deadline_exceeded: 'The request was not finished within its deadline.',
  shutting_down: 'The server is draining and takes no new requests.',
  not_ready: 'The model is still loading.',
  model_unavailable:
    'A model that is configured could not be loaded, or does not fit into modelMemoryBytes; the message says why.',
  cancelled: 'The client went away or cancelled the request.',
  // The model and the machine
  invalid_package: 'A model package or checkpoint is incomplete, damaged or of an unknown family.',
  download_failed:
    'A model could not be fetched: the hub is out of reach, refused, or sent something else than it announced.',
  insufficient_storage:
    'The disk has too little room, or the files have as many bytes as they may have.',
  storage_failure:
    'Files cannot be stored or read: a folder is read-only, the database is damaged, or the database or object store is out of reach.',
  invalid_config: 'A configuration key is unknown or its value cannot be used.',
  backend_failure: 'The runtime that executes the model failed.',
  internal_error: 'A defect in the server; the log has the details under the request id.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

export interface AerieErrorOptions {
  /** The request field at fault, in wire spelling, e.g. `messages[2].content[1].image_url`. */
  readonly param?: string
  readonly cause?: unknown
  /** Seconds after which trying again makes sense. */
  readonly retryAfterSeconds?: number
  /** False where it never does, although clients would. */
  readonly shouldRetry?: false
  /** Of `rate_limit_exceeded`: which limit, in wire spelling. */
  readonly limit?: LimitName
}

export type LimitName =
  | 'requests'
  | 'tokens'
  | 'media_bytes'
  | 'media_pixels'
  | 'concurrent_requests'

/** An expected failure. Anything else that is thrown is a defect and answered as `internal_error`. */
export class AerieError extends Error {
  override readonly name = 'AerieError'
  readonly code: ErrorCode
  readonly param: string | undefined
  readonly retryAfterSeconds: number | undefined
  readonly shouldRetry: false | undefined
  readonly limit: LimitName | undefined

  constructor(code: ErrorCode, message: string, options: AerieErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.param = options.param
    this.retryAfterSeconds = options.retryAfterSeconds
    this.shouldRetry = options.shouldRetry
    this.limit = options.limit
  }
}

/** Plain form of an error that survives a thread boundary. */
export interface WireError {
  readonly code: ErrorCode
  readonly message: string
  readonly param?: string
  readonly stack?: string
}

/** Turns anything thrown into its plain form; a defect keeps its stack for the log. */
export function toWireError(error: unknown): WireError {
  if (error instanceof AerieError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.param === undefined ? {} : { param: error.param }),
    }
  }
  const e = error instanceof Error ? error : new Error(String(error))
  return { code: 'internal_error', message: e.message, ...(e.stack ? { stack: e.stack } : {}) }
}

/**
 * What a program that we started said before it failed: the cause of an error whose message is ours. It may name files and quote a client's, so
 * it goes into the log alone, and only at `debug`.
 */
export class ProgramWords extends Error {
  override readonly name = 'ProgramWords'
}

/** The inverse of {@link toWireError}. */
export function fromWireError(wire: WireError): Error {
  if (wire.code === 'internal_error') {
    const e = new Error(wire.message)
    if (wire.stack) e.stack = wire.stack
    return e
  }
  return new AerieError(
    wire.code,
    wire.message,
    wire.param === undefined ? {} : { param: wire.param },
  )
}
