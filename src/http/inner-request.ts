/**
 * Requests that the server makes itself, on behalf of a tenant: lines of batches. They go through the very routes that clients
 * ask. What they bring beside their body is handed over out of band, where no client can reach.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyInstance } from 'fastify'
import type { Dispatch, LineAnswer } from '../batches/dispatch.ts'
import { AerieError } from '../errors.ts'
import { ERROR_STATUS, errorBody } from './openai-error.ts'
import { requestId } from './request-id.ts'
import type { RequestState } from './request-state.ts'

export interface InnerRequest {
  readonly tenant: string
  readonly batchId: string
  /** Fires when nobody wants the answer any more. */
  readonly signal: AbortSignal
  /** Set on arrival. */
  state: RequestState | undefined
}

const current = new AsyncLocalStorage<InnerRequest>()

/** The inner request that is being handled; undefined in one of a client. */
export function innerRequest(): InnerRequest | undefined {
  return current.getStore()
}

/** Asks the app as a client would, without a socket. */
export function innerDispatch(app: FastifyInstance): Dispatch {
  return async ({ endpoint, body, tenant, batchId, signal }) => {
    const inner: InnerRequest = { tenant, batchId, signal, state: undefined }
    try {
      const answer = await current.run(
        inner,
        // It begins when it is awaited, which has to be in here.
        async () =>
          await app.inject({
            ...{ method: 'POST', url: endpoint, payload: body },
            headers: { 'content-type': 'application/json', host: 'localhost' },
          }),
      )
      const after = Number(answer.headers['retry-after-ms'])
      return {
        status: answer.statusCode,
        code: inner.state?.code,
        requestId: String(answer.headers['x-request-id']),
        body: answer.rawPayload,
        usage: usageOf(inner.state),
        retryAfterMs: Number.isFinite(after) ? after : undefined,
      }
    } catch (error) {
      return cutOff(error, inner)
    }
  }
}

/** An answer that failed after its head was sent. */
function cutOff(cause: unknown, { state, signal }: InnerRequest): LineAnswer {
  const code = signal.aborted ? 'cancelled' : (state?.code ?? 'internal_error')
  const error = new AerieError(code, 'the answer was cut off', { cause })
  return {
    ...{ status: ERROR_STATUS[code].status, code, requestId: requestId({}) },
    body: Buffer.from(JSON.stringify(errorBody(error))),
    ...{ usage: usageOf(undefined), retryAfterMs: undefined },
  }
}

/** The figures that the access log has. */
function usageOf(state: RequestState | undefined): LineAnswer['usage'] {
  const fact = (name: string) => Number(state?.facts[name] ?? 0)
  return {
    inputTokens: fact('promptTokens'),
    cachedTokens: fact('cachedTokens'),
    outputTokens: fact('completionTokens'),
  }
}
