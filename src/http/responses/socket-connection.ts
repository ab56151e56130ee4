/** One WebSocket of `/v1/responses`: its messages one after the other, each a response whose events go out as the client reads them. */
import type { FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import { AerieError } from '../../errors.ts'
import { AnswerWatch } from '../answer-watch.ts'
import { recordError } from '../error-handler.ts'
import type { Asking } from '../request-state.ts'
import { runTurn, type TurnWatchers } from '../turn.ts'
import { ResponseBuilder } from './builder.ts'
import type { ConnectionMemory } from './connection-memory.ts'
import { placeTurn } from './conversation.ts'
import { type Prepared, prepareResponse } from './prepare.ts'
import type { ResponseRoom } from './room.ts'
import { generateResponse, keep } from './run.ts'
import { type SocketMessage, toCreateBody, toSocketError } from './socket-message.ts'

export interface ConnectionOptions {
  /** Without a message, while nothing is generated. */
  readonly idleMs: number
  /** As Open Responses has it, an hour. */
  readonly maxAgeMs: number
  /** Between two pings. */
  readonly pingMs: number
  /** How long a client may send nothing, not even the answer to a ping, or take nothing of what it is sent. */
  readonly stallMs: number
}

export interface ConnectionRoom {
  readonly responses: ResponseRoom
  readonly memory: ConnectionMemory
  readonly watchers: TurnWatchers
  readonly options: ConnectionOptions
  /** Throws `invalid_api_key` where the key of the handshake is not valid any more. */
  readmit(handshake: FastifyRequest): void
}

/** Messages that may wait for the response before them; clients send one and wait for its end. */
export const MAX_WAITING = 8
/** What may lie in the buffers of a connection before the next event waits for its client. */
const HIGH_WATER_BYTES = 64 * 1024
/** How long the other side may take to say goodbye. */
const LINGER_MS = 2000
/** Codes of RFC 6455. */
const CLOSE = { normal: 1000, goingAway: 1001, policy: 1008 } as const

interface Goodbye {
  readonly code: number
  readonly reason: string
  /** Told as an event before it; `unanswered`: where somebody waits for an answer. */
  readonly error?: AerieError
  readonly toldTo?: 'all' | 'unanswered'
}

export class ResponseConnection {
  /** Resolves when it is closed and nothing is generated for it any more. */
  readonly ended: Promise<void>
  readonly #closed: Promise<void>
  readonly #socket: WebSocket
  readonly #handshake: FastifyRequest
  readonly #room: ConnectionRoom
  /** Fires when the client is gone. */
  readonly #abort = new AbortController()
  readonly #waiting: SocketMessage[] = []
  readonly #timers: readonly NodeJS.Timeout[]
  #waitingBytes = 0
  #isWorking = false
  #working: Promise<void> = Promise.resolve()
  #goodbye: Goodbye | undefined
  /** A message came and will not be answered. */
  #isUnanswered = false
  /** When something was last asked or answered, and heard at all. */
  #active = performance.now()
  #heard = this.#active
  #bytesRead = 0

  constructor(socket: WebSocket, handshake: FastifyRequest, room: ConnectionRoom) {
    this.#socket = socket
    this.#handshake = handshake
    this.#room = room
    const { pingMs, maxAgeMs } = room.options
    this.#timers = [
      setInterval(() => this.#beat(), pingMs).unref(),
      setTimeout(() => this.#expire(maxAgeMs), maxAgeMs).unref(),
    ]
    const { promise: isClosed, resolve } = Promise.withResolvers<void>()
    this.#closed = isClosed
    this.ended = isClosed.then(() => this.#working)
    socket.on('message', (data, isBinary) => this.#receive({ data, isBinary }))
    socket.once('close', () => {
      for (const timer of this.#timers) clearTimeout(timer)
      this.#waiting.length = 0
      this.#abort.abort()
      room.memory.forget(this)
      resolve()
    })
  }

  /** Takes no more messages, and closes when the response that is being generated has ended. */
  leave(): void {
    const error = new AerieError(
      'shutting_down',
      'the server is draining and takes no new requests',
    )
    const reason = 'the server is shutting down'
    // Clients raise on an error, also on one that they have not asked for.
    this.#end({ code: CLOSE.goingAway, reason, error, toldTo: 'unanswered' })
  }

  terminate(): void {
    this.#socket.terminate()
  }

  #receive(message: SocketMessage): void {
    if (this.#goodbye) {
      this.#isUnanswered = true
      return
    }
    this.#active = performance.now()
    const { maxBytes } = this.#room.responses
    this.#waitingBytes += sizeOf(message)
    if (this.#waiting.length >= MAX_WAITING || this.#waitingBytes > maxBytes) {
      const most = `${MAX_WAITING} messages or ${maxBytes} bytes (maxBodyBytes)`
      const what = `more than ${most} wait for the response before them`
      const error = new AerieError('queue_full', what)
      this.#handshake.state.code = error.code
      this.#abort.abort()
      this.#end({ code: CLOSE.policy, reason: 'too many messages wait', error, toldTo: 'all' })
      return
    }
    this.#waiting.push(message)
    if (!this.#isWorking) this.#working = this.#work().catch((err) => this.#fail(err))
  }

  /** One after the other, as the specification asks. */
  async #work(): Promise<void> {
    this.#isWorking = true
    for (let next = this.#waiting.shift(); next && !this.#goodbye; next = this.#waiting.shift()) {
      const message = next
      this.#waitingBytes -= sizeOf(message)
      const { watchers } = this.#room
      await runTurn(this.#handshake, watchers, this.#abort.signal, (turn, begin) =>
        this.#answer(turn, begin, message),
      )
      this.#active = performance.now()
    }
    this.#isWorking = false
    if (this.#goodbye) this.#close(this.#goodbye)
  }

  async #answer(turn: Asking, begin: () => Promise<void>, message: SocketMessage): Promise<void> {
    const { responses, memory, readmit } = this.#room
    let previous: unknown
    let builder: ResponseBuilder | undefined
    try {
      readmit(this.#handshake)
      await begin()
      const body = toCreateBody(message)
      previous = body['previous_response_id']
      const recall = (id: string) => memory.find(this, id)
      const prepared = await prepareResponse(responses, turn, body, recall)
      builder = new ResponseBuilder(prepared.plan.response)
      await this.#generate(turn, prepared, builder)
    } catch (thrown) {
      // As the specification asks: what has failed once is not tried again from here.
      if (typeof previous === 'string') memory.forget(this, previous)
      const error = recordError(thrown, turn, responses.logger)
      if (error.code === 'invalid_api_key') {
        this.#goodbye = { code: CLOSE.policy, reason: 'the API key is not valid any more' }
      }
      if (this.#abort.signal.aborted) return
      await this.#tell(builder, error).catch((lost) => recordError(lost, turn, responses.logger))
    }
  }

  async #generate(
    turn: Asking,
    { plan, conversation }: Prepared,
    builder: ResponseBuilder,
  ): Promise<void> {
    const { responses, memory } = this.#room
    const { store, logger } = responses
    if (plan.isStored) await keep(store, plan, conversation)
    const watch = new AnswerWatch(responses.metrics, turn.state, 1)
    using running = responses.runs.begin(plan.id)
    const events = generateResponse(
      responses,
      {
        ...{ plan, builder, ifNotTaken: 'forget' },
        signal: AbortSignal.any([turn.state.signal, running.abort.signal]),
        see: (event) => watch.see(event),
        toError: (thrown) => recordError(thrown, turn, logger),
      },
      conversation,
    )
    for await (const event of events) await this.#send(event)
    if (plan.isStored) return
    const { earlier, own, turns } = conversation
    const input = own.map(({ item }) => item)
    const items = [...earlier, ...placeTurn(input, builder.response.output, turns)]
    memory.keep(this, plan.id, { items, turns: turns + 1 })
  }

  /** One event ends a response, as it ends one that is whole. */
  async #tell(builder: ResponseBuilder | undefined, error: AerieError): Promise<void> {
    const [failed] = builder?.hasBegun ? builder.failed() : []
    await this.#send(failed ?? toSocketError(error))
  }

  /** Resolves when the client may be sent more. */
  async #send(event: object): Promise<void> {
    const socket = this.#socket
    if (socket.readyState !== socket.OPEN) {
      throw new AerieError('cancelled', 'the client went away')
    }
    const { promise: isSent, resolve } = Promise.withResolvers<void>()
    socket.send(JSON.stringify(event), () => resolve())
    if (socket.bufferedAmount < HIGH_WATER_BYTES) return
    const stalled = setTimeout(() => this.terminate(), this.#room.options.stallMs)
    await Promise.race([isSent, this.#closed])
    clearTimeout(stalled)
  }

  /** A defect: nothing that a message says gets as far as this. */
  #fail(err: unknown): void {
    const { id: requestId } = this.#handshake
    this.#room.responses.logger.error({ requestId, err }, 'a WebSocket failed')
    this.terminate()
  }

  #beat(): void {
    const { idleMs, stallMs } = this.#room.options
    const { bytesRead } = this.#handshake.raw.socket
    const now = performance.now()
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead
      this.#heard = now
    } else if (now - this.#heard > stallMs) {
      this.terminate()
      return
    }
    if (!this.#isWorking && now - this.#active > idleMs) {
      this.#end({ code: CLOSE.normal, reason: `idle for ${Math.round(idleMs / 1000)} seconds` })
      return
    }
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping()
  }

  #expire(maxAgeMs: number): void {
    const what = `a WebSocket may be open for ${Math.round(maxAgeMs / 60_000)} minutes; open another`
    const error = new AerieError('websocket_connection_limit_reached', what)
    this.#end({ code: CLOSE.normal, reason: 'open for as long as may be', error, toldTo: 'all' })
  }

  /** Behind the response that is being generated; the first reason counts. */
  #end(goodbye: Goodbye): void {
    this.#goodbye ??= goodbye
    if (this.#waiting.length > 0) this.#isUnanswered = true
    if (!this.#isWorking) this.#close(this.#goodbye)
  }

  #close({ code, reason, error, toldTo }: Goodbye): void {
    const socket = this.#socket
    const isTold = toldTo === 'all' || (toldTo === 'unanswered' && this.#isUnanswered)
    if (error && isTold && socket.readyState === socket.OPEN)
      socket.send(JSON.stringify(toSocketError(error)))
    socket.close(code, reason)
    const linger = setTimeout(() => this.terminate(), LINGER_MS).unref()
    socket.once('close', () => clearTimeout(linger))
  }
}

function sizeOf({ data }: SocketMessage): number {
  return (data as Buffer).byteLength
}
