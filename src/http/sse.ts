/** Server-sent events over a raw response: back-pressure, heartbeats, and an honest end. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { AerieError } from '../errors.ts'
import { oneLine } from '../json/one-line.ts'

/** A client that takes nothing for this long is treated as gone. */
const STALL_MS = 60_000

/** The data of an event, with its name where it has one. */
export type Frame = string | { readonly event: string; readonly data: string }

export interface EventStreamOptions<Event> {
  /** Fires when the client is gone. */
  readonly signal: AbortSignal
  readonly heartbeatMs: number
  /** Called once, just before the first byte: sends the head. */
  begin(): void
  /** The events that one source event becomes; often one, sometimes none. */
  encode(event: Event): readonly Frame[]
  /** The events after the last source event. */
  end(): readonly Frame[]
  /** What tells of a failure after the head. */
  fail(error: unknown): Frame | readonly Frame[]
}

/** Sends the head of a stream; from then on its response is the caller's. */
export function beginEvents(reply: FastifyReply): void {
  reply.headers({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    // nginx would otherwise hold chunks back
    'x-accel-buffering': 'no',
  })
  const headers = Object.entries(reply.getHeaders())
  reply.hijack()
  for (const [name, value] of headers) if (value !== undefined) reply.raw.setHeader(name, value)
  reply.raw.writeHead(200)
}

/**
 * Sends what an iterator yields until it ends, pulling only as fast as the client reads.
 *
 * Rejects, with nothing sent, when the iterator fails before its first event. A later failure is sent as one
 * event or as what `fail` gives, and the stream ends without `[DONE]` of its own. When the signal fires, the iterator's `return` is called at once.
 */
export async function sendEvents<Event>(
  response: ServerResponse,
  events: AsyncIterator<Event>,
  options: EventStreamOptions<Event>,
): Promise<void> {
  const { signal } = options
  // What `return` rejects with is what the pending `next` rejects with, and that is handled below.
  const stop = () => events.return?.().catch(() => undefined)
  signal.addEventListener('abort', stop, { once: true })
  try {
    const first = await events.next()
    if (signal.aborted) throw new AerieError('cancelled', 'the client went away')
    options.begin()
    await relay(response, first, events, options)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function relay<Event>(
  response: ServerResponse,
  first: IteratorResult<Event>,
  events: AsyncIterator<Event>,
  options: EventStreamOptions<Event>,
): Promise<void> {
  const { signal } = options
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': keep-alive\n\n')
  }, options.heartbeatMs)
  try {
    for (let next = first; !next.done; next = await events.next()) {
      for (const one of options.encode(next.value)) await write(response, one, signal)
      heartbeat.refresh()
    }
    for (const one of options.end()) await write(response, one, signal)
    await write(response, '[DONE]', signal)
  } catch (error) {
    if (!signal.aborted) {
      for (const told of [options.fail(error)].flat() as Frame[]) response.write(frame(told))
    }
    await events.return?.()
  } finally {
    clearInterval(heartbeat)
    response.end()
  }
}

async function write(response: ServerResponse, one: Frame, signal: AbortSignal): Promise<void> {
  if (response.write(frame(one))) return
  const stalled = AbortSignal.timeout(STALL_MS)
  try {
    await once(response, 'drain', { signal: AbortSignal.any([signal, stalled]) })
  } catch (error) {
    if (stalled.aborted) response.destroy()
    throw error
  }
}

/** One `data:` line, behind one `event:` line where the event has a name. */
function frame(one: Frame): string {
  if (typeof one === 'string') return `data: ${oneLine(one)}\n\n`
  return `event: ${one.event}\ndata: ${oneLine(one.data)}\n\n`
}
