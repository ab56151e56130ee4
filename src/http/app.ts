/** The HTTP edge put together: one Fastify instance with its hooks, its error envelope and its routes. */
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify'
import type { BatchService } from '../batches/contract.ts'
import type { ChatService } from '../chat/contract.ts'
import type { EmbeddingService } from '../embeddings/contract.ts'
import { AerieError } from '../errors.ts'
import type { FileStore } from '../files/contract.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import type { BackgroundStats, ResponseStore, SocketStats } from '../responses/contract.ts'
import type { ModelDirectory } from '../serving/contract.ts'
import type { Logger } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import type { Snapshot } from '../telemetry/sources.ts'
import type { Tracing } from '../tracing/tracing.ts'
import { controlAccess } from './access.ts'
import { allowHosts } from './allowed-hosts.ts'
import { watchMethods } from './allowed-methods.ts'
import { isAnthropic } from './anthropic/errors.ts'
import type { ApiKeys } from './auth.ts'
import { limitBodies } from './body-deadline.ts'
import { answerClientErrors, refuseTunnels } from './client-error.ts'
import { createContract } from './contract.ts'
import { errorHandler } from './error-handler.ts'
import { requireOneHost } from './host-header.ts'
import { acceptJsonOnly } from './json-body.ts'
import { refuseQuery } from './query.ts'
import { limitRates } from './rate-limits.ts'
import { requestId } from './request-id.ts'
import { watchRequest } from './request-state.ts'
import { type BackgroundOptions, BackgroundResponses } from './responses/background.ts'
import { RunningResponses } from './responses/run.ts'
import { ResponseSockets, type SocketOptions } from './responses/sockets.ts'
import { batchRoutes } from './routes/batches.ts'
import { chatCompletionsRoute } from './routes/chat-completions.ts'
import { completionsRoute } from './routes/completions.ts'
import { embeddingsRoute } from './routes/embeddings.ts'
import { fileRoutes } from './routes/files.ts'
import { healthRoutes } from './routes/health.ts'
import { messagesRoutes } from './routes/messages.ts'
import { metricsRoute } from './routes/metrics.ts'
import { modelRoutes } from './routes/models.ts'
import { pageRoutes } from './routes/page.ts'
import { asksForSocket, responseSocketRoute } from './routes/response-socket.ts'
import { createResponseRoute } from './routes/responses.ts'
import { storedResponseRoutes } from './routes/stored-responses.ts'
import { tokenizeRoute } from './routes/tokenize.ts'
import { type TranscriptionParts, transcriptionRoute } from './routes/transcriptions.ts'
import { traceRequests } from './trace.ts'

export interface HttpOptions {
  readonly models: ModelDirectory
  readonly chat: ChatService
  readonly embeddings: EmbeddingService
  readonly hearing: TranscriptionParts
  readonly files: FileStore
  readonly batches: BatchService
  readonly responses: ResponseStore
  readonly background: BackgroundOptions
  readonly sockets: SocketOptions
  /** Of one upload. */
  readonly maxFileBytes: number
  readonly logger: Logger
  /** Undefined: no keys are needed. */
  readonly apiKeys: ApiKeys | undefined
  /** Whether requests without a key are refused; only matters with `apiKeys`. Default true. */
  readonly requireApiKey?: boolean
  /** What each key may use. Undefined: as much as there is. */
  readonly limits?: RateLimits | undefined
  /** Undefined: there are no traces. */
  readonly tracing?: Tracing | undefined
  /** Names that the Host header may have beside `localhost` and addresses. Undefined: any. */
  readonly allowedHosts?: readonly string[] | undefined
  readonly maxBodyBytes: number
  /** Whether `/` is the playground. Default false. */
  readonly page?: boolean
  /** What happens to fields that the API does not define. */
  readonly unknownFields: 'refuse' | 'ignore'
  /** States of engine, encoder, media and files for `/metrics`, read once a scrape. */
  sources(): Snapshot
  /** Why a request would not be served now, in words; empty when it would. */
  problems(): readonly string[]
  /** Milliseconds of silence in a stream after which a comment is sent. Default 15 s. */
  readonly heartbeatMs?: number
  /** How long a client may take to send head and body; a file, without moving. Default 120 s. */
  readonly uploadTimeoutMs?: number
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Refuses new requests from now on; resolves when the last running one has been answered. */
    drain(): Promise<void>
    /** Of responses in the background. */
    backgroundStats(): BackgroundStats
    /** Of WebSockets over which responses are asked for. */
    socketStats(): SocketStats
  }
}

/** Everything but `listen`; for tests `inject` is enough. */
export async function createApp(options: HttpOptions): Promise<FastifyInstance> {
  const { models, chat, embeddings, problems, uploadTimeoutMs = 120_000 } = options
  const logger: FastifyBaseLogger = options.logger
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.maxBodyBytes,
    // As long as a request line may be: an id of any length is one that is not there.
    routerOptions: { maxParamLength: 65_536 },
    // Bodies have a limit of ours, see limitBodies.
    requestTimeout: 0,
    genReqId: ({ headers }) => requestId(headers),
    return503OnClosing: false,
    // Closing comes after draining. Node counts a connection that never sent anything as busy, and would
    // wait for it for more than a minute.
    forceCloseConnections: true,
    clientErrorHandler: (error, socket) => answerClientError(error, socket),
    // Node's own refusal has no envelope; and it looks for late uploads only every so often.
    http: {
      requireHostHeader: false,
      shouldUpgradeCallback: asksForSocket,
      headersTimeout: Math.min(uploadTimeoutMs, MOST_HEAD_MS),
      connectionsCheckingInterval: uploadTimeoutMs / 4,
    },
    frameworkErrors: (error, request, reply) => {
      watchRequest(request, reply, { logger: options.logger, metrics, tracing: options.tracing })
      reply.header('x-request-id', request.id)
      return handleError(error, request, reply)
    },
  })
  // Node would answer 417 without a body to an Expect that it does not know; it may as well be ignored.
  app.server.on('checkExpectation', (request, response) => app.routing(request, response))
  const metrics = createMetrics(() => options.sources())
  const answerClientError = answerClientErrors({ logger: options.logger, metrics })
  app.server.on('connect', refuseTunnels({ logger: options.logger, metrics }))
  app.addHook('onClose', async () => metrics[Symbol.dispose]())
  const handleError = errorHandler(options.logger)
  const methods = watchMethods(app)

  app.decorateRequest('state')
  app.addHook('onRequest', async (request, reply) => {
    watchRequest(request, reply, { logger: options.logger, metrics, tracing: options.tracing })
    reply.header('x-request-id', request.id)
    if (isAnthropic(request.url)) reply.header('request-id', request.id)
  })
  app.addHook(
    'onRequest',
    limitBodies({ timeoutMs: uploadTimeoutMs, late: (...what) => answerClientError(...what) }),
  )
  app.addHook('onRequest', requireOneHost)
  if (options.allowedHosts) app.addHook('onRequest', allowHosts(options.allowedHosts))
  const access = controlAccess(app, {
    apiKeys: options.apiKeys,
    requireApiKey: options.requireApiKey ?? true,
  })
  if (options.unknownFields === 'refuse') app.addHook('onRequest', refuseQuery)
  acceptJsonOnly(app)
  app.setErrorHandler(handleError)
  const refuseRoute = (request: FastifyRequest, reply: FastifyReply): never => {
    const path = request.url.replace(/[?#].*/, '')
    const allowed = methods.of(path)
    if (allowed.length === 0) throw new AerieError('not_found', 'no such route')
    reply.header('allow', allowed.join(', '))
    const what = `expected ${allowed.join(' or ')}, got ${request.method}`
    throw new AerieError('method_not_allowed', `the method: ${what}`)
  }
  app.setNotFoundHandler(refuseRoute)
  // Before the body is read: it is nobody's, and what is wrong with it is not what is wrong.
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) refuseRoute(request, reply)
  })
  if (options.limits) limitRates(app, options.limits)
  if (options.tracing) traceRequests(app)

  const contract = createContract(options)
  const heartbeatMs = options.heartbeatMs ?? 15_000
  const { logger: log } = options
  chatCompletionsRoute(app, { service: chat, contract, metrics, logger: log, heartbeatMs })
  completionsRoute(app, { service: chat, contract, metrics, logger: log, heartbeatMs })
  messagesRoutes(app, { service: chat, contract, metrics, logger: log, heartbeatMs })
  embeddingsRoute(app, { service: embeddings, contract, metrics })
  const { hearing, files, maxFileBytes } = options
  await transcriptionRoute(app, { ...hearing, contract, metrics, logger: log, heartbeatMs })
  await fileRoutes(app, { files, contract, maxFileBytes })
  await batchRoutes(app, { batches: options.batches, contract, tracing: options.tracing })
  const room = { service: chat, store: options.responses }
  const runs = new RunningResponses(options.responses)
  const background = new BackgroundResponses(room, runs, options.background)
  const { limits, tracing, maxBodyBytes: maxBytes } = options
  const kept = { ...room, models, runs, background, contract, metrics, logger: log, heartbeatMs }
  const responses = { ...kept, maxBytes }
  createResponseRoute(app, responses)
  await storedResponseRoutes(app, responses)
  const { readmit } = access
  const watchers = { logger: log, metrics, tracing, limits }
  const sockets = new ResponseSockets({ responses, watchers, readmit }, options.sockets)
  await responseSocketRoute(app, sockets, maxBytes)
  app.decorate('backgroundStats', () => background.stats())
  app.decorate('socketStats', () => sockets.stats())
  app.decorate('drain', async () => {
    await Promise.all([access.drain(), background.drain(), sockets.drain()])
  })
  app.addHook('onClose', () => background.dispose())
  await modelRoutes(app, { models })
  tokenizeRoute(app, { service: chat, contract })
  healthRoutes(app, { problems: () => [...(access.draining ? [DRAINING] : []), ...problems()] })
  metricsRoute(app, { metrics })
  if (options.page) pageRoutes(app)
  return app
}

/** Node's own default for a head. */
const MOST_HEAD_MS = 60_000

const DRAINING = 'the server is draining'
