/** How long a body may take. Node has one limit for all requests, and a large file on a slow line needs another than JSON. */
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body may take as long as it likes while it moves. */
    readonly longBody?: boolean
  }
}

/** What a long body must bring over each span of the limit. */
const LEAST_BYTES_PER_SECOND = 16 * 1024

interface BodyDeadline {
  /** For a whole body, or for each span of a long one. */
  readonly timeoutMs: number
  /** Answers a request that is late, and ends its connection. */
  late(error: Error & { readonly code: string }, socket: Socket): void
}

/** An `onRequest` hook. */
export function limitBodies({ timeoutMs, late }: BodyDeadline) {
  return async (
    { raw, routeOptions, state }: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> => {
    // What the server asks itself is there as a whole and comes over no connection that could be ended; its answer may take long.
    if (state.isInner) return
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = raw.headers
    if (encoding === undefined && length === '0') return
    const { socket } = raw
    const least = routeOptions.config.longBody
      ? (LEAST_BYTES_PER_SECOND * timeoutMs) / 1000
      : Number.POSITIVE_INFINITY
    let before = socket.bytesRead
    const look = () => {
      if (raw.complete || raw.destroyed) {
        clearInterval(timer)
        return
      }
      if (reply.raw.headersSent) {
        // Whoever has an answer and goes on sending is read no longer.
        clearInterval(timer)
        raw.destroy()
        return
      }
      const moved = socket.bytesRead - before
      before = socket.bytesRead
      if (moved >= least) return
      clearInterval(timer)
      const what = new Error('the body came too slowly')
      late(Object.assign(what, { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket)
    }
    // A server that stood still may hear of its timers before it hears of what has come meanwhile.
    const timer = setInterval(() => setImmediate(look), timeoutMs).unref()
    raw.once('close', () => clearInterval(timer))
  }
}
