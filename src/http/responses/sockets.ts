/** All WebSockets of `/v1/responses`: how many there may be, and how they end with the server. */
import type { FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import { AerieError } from '../../errors.ts'
import type { SocketStats } from '../../responses/contract.ts'
import { ConnectionMemory } from './connection-memory.ts'
import {
  type ConnectionOptions,
  type ConnectionRoom,
  ResponseConnection,
} from './socket-connection.ts'

export interface SocketOptions extends ConnectionOptions {
  readonly maxSockets: number
  /** Of conversations that are stored nowhere, of all connections. */
  readonly maxMemoryBytes: number
}

const RETRY_SECONDS = 5

export class ResponseSockets {
  readonly #room: ConnectionRoom
  readonly #maxSockets: number
  readonly #connections = new Set<ResponseConnection>()
  #isDraining = false
  #opened = 0
  #refused = 0

  constructor(
    room: Omit<ConnectionRoom, 'memory' | 'options'>,
    { maxSockets, maxMemoryBytes, ...options }: SocketOptions,
  ) {
    const memory = new ConnectionMemory(maxMemoryBytes, room.responses.maxBytes)
    this.#room = { ...room, memory, options }
    this.#maxSockets = maxSockets
  }

  /** Throws `unsupported_parameter` where there are to be none, `queue_full` where there are as many as there may be. */
  assertRoom(): void {
    const max = this.#maxSockets
    if (max === 0) {
      const what = 'upgrade: this server takes no WebSockets (maxWebSockets is 0); use POST'
      throw new AerieError('unsupported_parameter', what, { param: 'upgrade' })
    }
    if (this.#connections.size < max) return
    this.#refused++
    const what = `${max} WebSockets are open (maxWebSockets); try again later, or use POST`
    throw new AerieError('queue_full', what, { retryAfterSeconds: RETRY_SECONDS })
  }

  open(socket: WebSocket, handshake: FastifyRequest): void {
    const connection = new ResponseConnection(socket, handshake, this.#room)
    this.#opened++
    this.#connections.add(connection)
    void connection.ended.then(() => this.#connections.delete(connection))
    // It came in while the door was being closed.
    if (this.#isDraining) connection.leave()
  }

  stats(): SocketStats {
    const { bytes, maxBytes, dropped } = this.#room.memory.stats()
    return {
      ...{ open: this.#connections.size, maxOpen: this.#maxSockets },
      ...{ opened: this.#opened, refused: this.#refused },
      ...{ memoryBytes: bytes, maxMemoryBytes: maxBytes, memoryDropped: dropped },
    }
  }

  /** Resolves when all have ended; what is being generated is finished before. */
  async drain(): Promise<void> {
    this.#isDraining = true
    for (const connection of this.#connections) connection.leave()
    await Promise.all([...this.#connections].map(({ ended }) => ended))
  }

  /** All of them end now. */
  async dispose(): Promise<void> {
    const drained = this.drain()
    for (const connection of this.#connections) connection.terminate()
    await drained
  }
}
