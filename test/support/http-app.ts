/** The HTTP edge over an {@link EchoService} and files of its own; every response that passes here is checked against openapi.yaml. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { Batches, type BatchServiceOptions } from '../../src/batches/batch-service.ts'
import { BATCH_RECORDS } from '../../src/batches/records-source.ts'
import type { FileStore } from '../../src/files/contract.ts'
import { type FileStoreOptions, openFileStore } from '../../src/files/file-store.ts'
import { createApp, type HttpOptions } from '../../src/http/app.ts'
import { innerDispatch } from '../../src/http/inner-request.ts'
import { Sounds } from '../../src/media/sound/sounds.ts'
import { SoundSpool } from '../../src/media/sound/spool.ts'
import { recordsInFolder } from '../../src/records/records-thread.ts'
import type { ResponseStore } from '../../src/responses/contract.ts'
import { RESPONSE_RECORDS } from '../../src/responses/records-source.ts'
import { openResponseStore, type ResponseStoreOptions } from '../../src/responses/response-store.ts'
import { createSpeechService } from '../../src/speech/service.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { EchoEmbeddings } from './echo-embeddings.ts'
import { ECHO_MODELS, type EchoOptions, EchoService } from './echo-service.ts'
import { directoryOf, statusOf } from './model-directory.ts'
import { createResponseChecker, type ResponseChecker } from './response-checker.ts'

export interface TestAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into bodies whose shape the checker has just proved
  readonly json: any
}

export interface TestApp extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly service: EchoService
  readonly files: FileStore
  readonly batches: Batches
  readonly responses: ResponseStore
  readonly checker: ResponseChecker
  /** Log lines so far. */
  readonly log: string[]
  request(
    method: string,
    url: string,
    options?: Omit<InjectOptions, 'method' | 'url'>,
  ): Promise<TestAnswer>
  /** POST /v1/chat/completions with `model: echo` and whatever is given. */
  chat(body: object, headers?: Record<string, string>): Promise<TestAnswer>
  /** Listens on a free loopback port; the URL without a slash at the end. */
  listen(): Promise<string>
}

/** Nothing here hears anything. */
const DEAF = createSpeechService({
  models: [],
  others: ECHO_MODELS.map(({ id }) => id),
  sounds: new Sounds({
    ...{ workers: 1, maxWaiting: 1, maxSeconds: 1, timeoutMs: 1000, maxBytesInUse: 1024 },
    ...{ ffmpegPath: 'ffmpeg', searchPath: '', maxFfmpegBytes: 2 ** 30 },
  }),
  deadlineMs: 1000,
})

let checker: Promise<ResponseChecker> | undefined

export async function openTestApp(
  options: Partial<HttpOptions> & {
    readonly echo?: EchoOptions
    readonly store?: Partial<FileStoreOptions>
    readonly batching?: Partial<BatchServiceOptions>
    readonly keeping?: Partial<ResponseStoreOptions>
  } = {},
): Promise<TestApp> {
  const { echo, store, batching, keeping, ...rest } = options
  checker ??= createResponseChecker()
  const ready = await checker
  const service = new EchoService(echo)
  const log: string[] = []
  const logger = createLogger({
    ...{ level: 'debug', pretty: false },
    stream: { write: (line) => log.push(line) },
  })
  const own = join(tmpdir(), `aerie-files-${randomUUID()}`)
  const maxFileBytes = store?.maxFileBytes ?? rest.maxFileBytes ?? 2 ** 20
  const files =
    rest.files ??
    (await openFileStore({
      ...{ folder: own, maxFileBytes, maxBytes: 2 ** 24, maxUploads: 8, logger },
      ...store,
    }))
  const maxBodyBytes = rest.maxBodyBytes ?? 64 * 1024
  const batches = new Batches({
    source: recordsInFolder({ ...BATCH_RECORDS, folder: join(own, 'batches'), logger }),
    rules: { models: ECHO_MODELS.map(({ id }) => id), maxLineBytes: maxBodyBytes, maxLines: 1000 },
    ...{ files, logger, concurrency: 4, maxMedia: 16, maxBytes: 2 ** 20, maxStoredBytes: 2 ** 24 },
    ...{ maxBatches: 4, maxWaitingLines: 2000, keptSeconds: 3600 },
    timing: { beatMs: 50, retryMs: 10 },
    ...batching,
  })
  const responses =
    rest.responses ??
    (await openResponseStore({
      source: recordsInFolder({ ...RESPONSE_RECORDS, folder: join(own, 'responses'), logger }),
      quotas: { maxBytes: 2 ** 24, maxTenantBytes: 2 ** 24, maxResponses: 1000 },
      ...{ chain: { maxTurns: 20, maxBytes: maxBodyBytes }, keptSeconds: 3600, logger },
      ...keeping,
    }))
  const spool = new SoundSpool({ maxFileBytes: 2 ** 20, maxBytes: 2 ** 24 })
  const app = await createApp({
    models: directoryOf(ECHO_MODELS.map((document) => statusOf(document))),
    chat: service,
    embeddings: new EchoEmbeddings(),
    hearing: { speech: DEAF, inbox: spool, maxSoundBytes: 2 ** 20, languageName: (code) => code },
    files,
    batches,
    responses,
    background: { maxRuns: 8, concurrency: 2, maxEventBytes: 2 ** 20 },
    sockets: {
      ...{
        maxSockets: 8,
        maxSocketsPerKey: 4,
        maxMemoryBytes: 2 ** 20,
        idleMs: 60_000,
        maxAgeMs: 3_600_000,
      },
      ...{ pingMs: 15_000, stallMs: 60_000 },
    },
    maxFileBytes,
    logger,
    apiKeys: undefined,
    maxBodyBytes,
    unknownFields: 'refuse',
    sources: () => ({
      engine: undefined,
      encoder: undefined,
      media: undefined,
      files: files.stats(),
      batches: batches.stats(),
      responses: responses.stats(),
      background: app.backgroundStats(),
      sockets: app.socketStats(),
    }),
    problems: () => [],
    ...rest,
  })
  await batches.start(innerDispatch(app))
  const request: TestApp['request'] = async (method, url, more = {}) => {
    const response = await app.inject({ method: method as 'GET', url, ...more })
    const { statusCode: status, headers, body } = response
    if (method !== 'HEAD') ready.check({ method, url, status, headers, body })
    return {
      status,
      headers,
      body,
      get json() {
        return JSON.parse(body)
      },
    }
  }
  return {
    app,
    service,
    files,
    batches,
    responses,
    checker: ready,
    log,
    request,
    chat: (body, headers = {}) =>
      request('POST', '/v1/chat/completions', {
        payload: { model: 'echo', messages: [{ role: 'user', content: 'hello' }], ...body },
        headers,
      }),
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
    async [Symbol.asyncDispose]() {
      await batches.dispose()
      await app.close()
      await files.dispose()
      await responses.dispose()
      await spool.dispose()
      await rm(own, { recursive: true, force: true })
    },
  }
}
