/** What WebSockets remember of responses that are stored nowhere: of each connection the last one, bounded over all of them. */
import type { Recalled } from './conversation.ts'

export interface MemoryStats {
  readonly bytes: number
  readonly maxBytes: number
  /** Conversations that were given up for others', or were larger than one may be. */
  readonly dropped: number
}

interface Entry extends Recalled {
  readonly id: string
  readonly bytes: number
}

/** What an object takes beside its texts. */
const NODE_BYTES = 64

export class ConnectionMemory {
  readonly #maxBytes: number
  readonly #maxEntryBytes: number
  /** By connection, the oldest first. */
  readonly #entries = new Map<object, Entry>()
  #bytes = 0
  #dropped = 0

  /** `maxEntryBytes`: of one conversation. */
  constructor(maxBytes: number, maxEntryBytes: number) {
    this.#maxBytes = maxBytes
    this.#maxEntryBytes = Math.min(maxBytes, maxEntryBytes)
  }

  /** In place of what the connection has remembered. The oldest of others make room. */
  keep(connection: object, id: string, { items, turns }: Recalled): void {
    this.forget(connection)
    const bytes = bytesOf(items)
    if (bytes > this.#maxEntryBytes) {
      this.#dropped++
      return
    }
    this.#entries.set(connection, { id, items, turns, bytes })
    this.#bytes += bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.forget(oldest)
      this.#dropped++
    }
  }

  find(connection: object, id: string): Recalled | undefined {
    const entry = this.#entries.get(connection)
    return entry?.id === id ? entry : undefined
  }

  /** Without an id whatever it is. */
  forget(connection: object, id?: string): void {
    const entry = this.#entries.get(connection)
    if (!entry || (id !== undefined && entry.id !== id)) return
    this.#entries.delete(connection)
    this.#bytes -= entry.bytes
  }

  stats(): MemoryStats {
    return { bytes: this.#bytes, maxBytes: this.#maxBytes, dropped: this.#dropped }
  }
}

/** Nearly: texts are counted, and not copied for that, as there may be pictures among them. */
function bytesOf(value: unknown): number {
  if (typeof value === 'string') return NODE_BYTES + value.length
  if (typeof value !== 'object' || value === null) return NODE_BYTES
  let bytes = NODE_BYTES
  for (const inner of Object.values(value)) bytes += bytesOf(inner)
  return bytes
}
