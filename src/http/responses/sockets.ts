/** All WebSockets of `/v1/responses`: how many there may be, and how they end with the server. */
import type { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import { AerieError } from '../../errors.ts'
import type { SocketStats } from '../../responses/contract.ts'
import { ANONYMOUS } from '../auth.ts'
import { ConnectionMemory } from './connection-memory.ts'
import {
  type ConnectionOptions,
  type ConnectionRoom,
  ResponseConnection,
} from './socket-connection.ts'

export interface SocketOptions extends ConnectionOptions {
  readonly maxSockets: number
  /** Of one key; requests without a key have no bound but `maxSockets`. */
  readonly maxSocketsPerKey: number
  /** Of conversations that are stored nowhere, of all connections. */
  readonly maxMemoryBytes: number
}

const RETRY_SECONDS = 5

export class ResponseSockets {
  readonly #room: ConnectionRoom
  readonly #maxSockets: number
  readonly #maxPerKey: number
  /** Places by tenant, from the handshake on. */
  readonly #places = new Map<string, number>()
  readonly #connections = new Set<ResponseConnection>()
  readonly #bySocket = new WeakMap<Socket, ResponseConnection>()
  #isDraining = false
  #opened = 0
  #refused = 0

  constructor(
    room: Omit<ConnectionRoom, 'memory' | 'options'>,
    { maxSockets, maxSocketsPerKey, maxMemoryBytes, ...options }: SocketOptions,
  ) {
    const memory = new ConnectionMemory(maxMemoryBytes, room.responses.maxBytes)
    this.#room = { ...room, memory, options }
    this.#maxSockets = maxSockets
    this.#maxPerKey = maxSocketsPerKey
  }

  /**
   * Takes a place for a handshake, which it has until its socket is closed, and then until the connection that it became has ended.
   * Throws `unsupported_parameter` where there are to be none, `queue_full` where there are as many as there may be.
   */
  takePlace({ raw, state: { tenant } }: FastifyRequest): void {
    this.#assertRoom(tenant)
    this.#places.set(tenant, this.#placesOf(tenant) + 1)
    raw.socket.once('close', async () => {
      await this.#bySocket.get(raw.socket)?.ended
      const left = this.#placesOf(tenant) - 1
      if (left > 0) this.#places.set(tenant, left)
      else this.#places.delete(tenant)
    })
  }

  #placesOf(tenant: string): number {
    return this.#places.get(tenant) ?? 0
  }

  #assertRoom(tenant: string): void {
    const max = this.#maxSockets
    if (max === 0) {
      const what = 'upgrade: this server takes no WebSockets (maxWebSockets is 0); use POST'
      throw new AerieError('unsupported_parameter', what, { param: 'upgrade' })
    }
    const taken = [...this.#places.values()].reduce((sum, places) => sum + places, 0)
    const isFullForKey = tenant !== ANONYMOUS && this.#placesOf(tenant) >= this.#maxPerKey
    if (taken < max && !isFullForKey) return
    this.#refused++
    const full = isFullForKey
      ? `${this.#maxPerKey} WebSockets of ${tenant} are open (maxWebSocketsPerKey)`
      : `${max} WebSockets are open (maxWebSockets)`
    const what = `${full}; try again later, or use POST`
    throw new AerieError('queue_full', what, { retryAfterSeconds: RETRY_SECONDS })
  }

  open(socket: WebSocket, handshake: FastifyRequest): void {
    const connection = new ResponseConnection(socket, handshake, this.#room)
    this.#opened++
    this.#connections.add(connection)
    this.#bySocket.set(handshake.raw.socket, connection)
    void connection.ended.then(() => this.#connections.delete(connection))
    // It came in while the door was being closed.
    if (this.#isDraining) connection.leave()
  }

  stats(): SocketStats {
    const { bytes, maxBytes, dropped } = this.#room.memory.stats()
    return {
      ...{ open: this.#connections.size, maxOpen: this.#maxSockets },
      ...{ mostOfKey: Math.max(0, ...this.#places.values()), maxOfKey: this.#maxPerKey },
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
