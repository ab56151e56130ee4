/** Stored responses as the rest of the server sees them: JSON texts that only the HTTP edge looks into, no database. */
import type { ConnectionStats } from '../files/contract.ts'

export const RUNNING = ['queued', 'in_progress'] as const
export type ResponseStatus = (typeof RUNNING)[number] | EndStatus
/** Nothing becomes of a response any more that has one of these. */
export type EndStatus = 'completed' | 'incomplete' | 'failed' | 'cancelled'

export function isRunning(status: ResponseStatus): boolean {
  return (RUNNING as readonly string[]).includes(status)
}

/** What is kept of a response before it is generated. */
export interface NewResponse {
  /** `resp_` and 36 hexadecimal digits, which sort as the responses were created. */
  readonly id: string
  /** Name of the API key that asked; nobody else sees it. */
  readonly tenant: string
  /** The response that it goes on from. */
  readonly previousId: string | undefined
  readonly status: (typeof RUNNING)[number]
  /** Unix seconds. */
  readonly createdAt: number
  /** The response object, JSON. */
  readonly body: string
  /** Its input items, a JSON array with marks in the places of large media; see {@link media}. */
  readonly input: string
  /** Texts of large media, data: URIs or base64, by the number of their mark. Equal ones are kept once. */
  readonly media: readonly string[]
}

export interface StoredResponse {
  readonly id: string
  readonly status: ResponseStatus
  readonly body: string
  /** It was running when its server ended: nothing becomes of it any more, whatever its status says. */
  readonly isLost: boolean
}

export interface StoredInput {
  readonly input: string
  readonly media: readonly string[]
}

/** A turn of a conversation. */
export interface StoredTurn extends StoredInput, StoredResponse {}

/** A response with all that it goes on from, the oldest first; or why there is no such thing. */
export type Chain =
  | { readonly turns: readonly StoredTurn[] }
  /** This one is not there, not any more, or another tenant's. */
  | { readonly missing: string }
  /** It has more turns, or bytes, than a conversation may have. */
  | { readonly tooLong: 'turns' | 'bytes' }

export interface ResponseStats {
  /** Of all tenants, as of the last call that this process made. */
  readonly responses: number
  readonly maxResponses: number
  /** Equal media of one tenant count once. */
  readonly bytes: number
  readonly maxBytes: number
  /** Since start, by this process. */
  readonly created: number
  readonly deleted: number
  readonly expired: number
  /** Old ones that made room for new ones. */
  readonly evicted: number
  /** Calls that the disk or the database failed. */
  readonly failures: number
  /** To a database that is elsewhere. */
  readonly database: ConnectionStats | undefined
}

/** Responses that nobody waits for. */
export interface BackgroundStats {
  readonly running: number
  readonly maxRunning: number
  /** For their turn; more than `maxWaiting` that wait or run are refused. */
  readonly waiting: number
  readonly maxWaiting: number
  /** Of events that streams are resumed by. */
  readonly eventBytes: number
  readonly maxEventBytes: number
  /** Responses whose events made room for others'. */
  readonly eventsDropped: number
  /** Since start. */
  readonly ended: Readonly<Record<EndStatus, number>>
}

/** Connections over which responses are asked for one after the other. */
export interface SocketStats {
  readonly open: number
  readonly maxOpen: number
  /** Places of the tenant that has most of them, handshakes included. */
  readonly mostOfKey: number
  /** Of one key. */
  readonly maxOfKey: number
  /** Since start. */
  readonly opened: number
  /** There were as many as there may be, or as the key may have. */
  readonly refused: number
  /** Of conversations that are stored nowhere. */
  readonly memoryBytes: number
  readonly maxMemoryBytes: number
  /** Conversations that made room for others', or were too large to be remembered. */
  readonly memoryDropped: number
}

/** Responses of all tenants. Every method may reject with `storage_failure`, `insufficient_storage`, or `shutting_down` after the end. */
export interface ResponseStore {
  /** Whether this server keeps any. */
  readonly isOn: boolean
  /** Keeps it durably; older ones make room. Rejects with `insufficient_storage` for one that no room can be made for. */
  insert(response: NewResponse): Promise<void>
  /** It is generated from now on. */
  begin(tenant: string, id: string): Promise<void>
  /** False where it has ended already, or was deleted: then nothing changes. */
  finish(tenant: string, id: string, status: EndStatus, body: string): Promise<boolean>
  find(tenant: string, id: string): Promise<StoredResponse | undefined>
  input(tenant: string, id: string): Promise<StoredInput | undefined>
  chain(tenant: string, id: string): Promise<Chain>
  /** Whether there was one to delete. */
  delete(tenant: string, id: string): Promise<boolean>
  /** Calls back for each response of this server that somebody has ended or deleted while it ran. */
  onGone(listener: (id: string) => void): void
  stats(): ResponseStats
  dispose(): Promise<void>
}

const RESPONSE_ID = /^resp_[0-9a-f]{36}$/

export function isResponseId(text: string): boolean {
  return RESPONSE_ID.test(text)
}
