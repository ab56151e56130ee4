/** The HTTP edge over an {@link EchoService}; every response that passes here is checked against openapi.yaml. */
import type { FastifyInstance, InjectOptions } from 'fastify'
import { createApp, type HttpOptions } from '../../src/http/app.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { EchoEmbeddings } from './echo-embeddings.ts'
import { ECHO_MODELS, type EchoOptions, EchoService } from './echo-service.ts'
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

let checker: Promise<ResponseChecker> | undefined

export async function openTestApp(
  options: Partial<HttpOptions> & { readonly echo?: EchoOptions } = {},
): Promise<TestApp> {
  const { echo, ...rest } = options
  checker ??= createResponseChecker()
  const ready = await checker
  const service = new EchoService(echo)
  const log: string[] = []
  const app = await createApp({
    models: ECHO_MODELS,
    chat: service,
    embeddings: new EchoEmbeddings(),
    logger: createLogger({ level: 'debug', pretty: false, stream: { write: (l) => log.push(l) } }),
    apiKeys: undefined,
    maxBodyBytes: 64 * 1024,
    unknownFields: 'refuse',
    sources: () => ({ engine: undefined, encoder: undefined, media: undefined }),
    problems: () => [],
    ...rest,
  })
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
    checker: ready,
    log,
    request,
    chat: (body, headers = {}) =>
      request('POST', '/v1/chat/completions', {
        payload: { model: 'echo', messages: [{ role: 'user', content: 'hello' }], ...body },
        headers,
      }),
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
    [Symbol.asyncDispose]: () => app.close(),
  }
}
