/** The events of a response in the background as a stream: those that there are, and those that come. */
import type { FastifyReply } from 'fastify'
import { AerieError } from '../../errors.ts'
import { errorBody } from '../openai-error.ts'
import { beginEvents, sendEvents } from '../sse.ts'
import { type EventLog, eventsGone, toFrame } from './event-log.ts'

interface SendLog {
  readonly signal: AbortSignal
  readonly heartbeatMs: number
  /** The number behind which they begin; -1: from the first. */
  readonly startingAfter: number
}

/** A client that leaves ends nothing but its stream. */
export async function sendLog(
  reply: FastifyReply,
  log: EventLog,
  { signal, heartbeatMs, startingAfter }: SendLog,
): Promise<void> {
  let next = startingAfter + 1
  await sendEvents(reply.raw, log.read(startingAfter, signal), {
    ...{ signal, heartbeatMs },
    begin: () => beginEvents(reply),
    encode(frame) {
      next++
      return [frame]
    },
    end: () => [],
    fail(thrown) {
      const { error } = errorBody(thrown instanceof AerieError ? thrown : eventsGone())
      const { code, message, param } = error
      return [
        toFrame({ type: 'error', sequence_number: next, code, message, param, error }),
        '[DONE]',
      ]
    },
  })
}
