/** The store of responses, wherever it keeps them: quotas, expiry, and which of them this server is generating. */
import type { Logger } from '../engine/logger.ts'
import { AerieError } from '../errors.ts'
import { FailureCount } from '../files/failure-count.ts'
import type { OpenRecords, RecordsSource } from '../records/records-thread.ts'
import { newServerName } from '../records/server-name.ts'
import {
  type Chain,
  type EndStatus,
  isResponseId,
  type NewResponse,
  type ResponseStats,
  type ResponseStore,
  type StoredInput,
  type StoredResponse,
} from './contract.ts'
import type { ChainBounds, Quotas, ResponseRecords, Totals } from './response-records.ts'

export interface ResponseStoreOptions {
  readonly source: RecordsSource<ResponseRecords>
  /** `maxBytes` 0: nothing is kept, and nothing is written. */
  readonly quotas: Quotas
  readonly chain: ChainBounds
  readonly keptSeconds: number
  readonly logger: Logger
  /** Milliseconds since 1970. */
  readonly now?: () => number
  /** Milliseconds between two signs of life, and between two looks for what has expired. */
  readonly beatMs?: number
  readonly sweepEveryMs?: number
}

const BEAT_MS = 5000
/** A server that has been silent for so many beats is taken for gone. */
const BEATS_OF_PATIENCE = 6
const SWEEP_EVERY_MS = 60_000
/** A database that could not be opened is tried again after so long: somebody may have mended it. */
const RETRY_AFTER_MS = 1000
const EXPIRED_AT_ONCE = 500

/** Opens what is there already. Never rejects: what is wrong stands in the log, and every call says it again until it is mended. */
export async function openResponseStore(options: ResponseStoreOptions): Promise<ResponseStore> {
  const store = new RecordedResponses(options)
  if (store.isOn) await store.openIfThere().catch(() => {})
  return store
}

class RecordedResponses implements ResponseStore {
  readonly isOn: boolean
  readonly #options: ResponseStoreOptions
  readonly #server = newServerName()
  readonly #now: () => number
  /** Ids that this server is generating. */
  readonly #running = new Map<string, string>()
  readonly #timers: readonly NodeJS.Timeout[]
  #opening: Promise<OpenRecords<ResponseRecords>> | undefined
  #opened: OpenRecords<ResponseRecords> | undefined
  #totals: Totals = { responses: 0, bytes: 0 }
  #isDisposed = false
  #working: Promise<void> = Promise.resolve()
  #gone: (id: string) => void = () => {}
  readonly #counts = { created: 0, deleted: 0, expired: 0, evicted: 0 }
  readonly #failures = new FailureCount()

  constructor(options: ResponseStoreOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.isOn = options.quotas.maxBytes > 0
    const { beatMs = BEAT_MS, sweepEveryMs = SWEEP_EVERY_MS } = options
    this.#timers = [
      setInterval(() => this.#later(() => this.#beat()), beatMs).unref(),
      setInterval(() => this.#later(() => this.#sweep()), sweepEveryMs).unref(),
    ]
  }

  async insert(response: NewResponse): Promise<void> {
    const { quotas, keptSeconds } = this.#options
    const { id, tenant, createdAt } = response
    const record = {
      ...response,
      ...{ expiresAt: createdAt + keptSeconds, server: this.#server, until: this.#until() },
    }
    const outcome = await this.#failures.of(
      this.#open().then(({ records }) => records.insert(record, quotas)),
    )
    if (outcome.is !== 'inserted') throw refusal(outcome.is, quotas)
    this.#running.set(id, tenant)
    this.#counts.created++
    this.#counts.evicted += outcome.evicted
    this.#look()
  }

  async begin(tenant: string, id: string): Promise<void> {
    const { records } = await this.#open()
    await this.#failures.of(records.begin(tenant, id))
  }

  async finish(tenant: string, id: string, status: EndStatus, body: string): Promise<boolean> {
    try {
      const { records } = await this.#open()
      return await this.#failures.of(records.finish(tenant, id, status, body))
    } finally {
      // Whatever became of it, it is not generated any more, and will be taken for lost when nobody says that it lives.
      this.#running.delete(id)
    }
  }

  async find(tenant: string, id: string): Promise<StoredResponse | undefined> {
    return await this.#read(id, (records) => records.find(tenant, id, this.#seconds()))
  }

  async input(tenant: string, id: string): Promise<StoredInput | undefined> {
    return await this.#read(id, (records) => records.input(tenant, id, this.#seconds()))
  }

  async chain(tenant: string, id: string): Promise<Chain> {
    const { chain } = this.#options
    const found = await this.#read(id, (records) =>
      records.chain(tenant, id, this.#seconds(), chain),
    )
    return found ?? { missing: id }
  }

  async delete(tenant: string, id: string): Promise<boolean> {
    const isGone = await this.#read(id, (records) => records.remove(tenant, id, this.#seconds()))
    if (!isGone) return false
    this.#counts.deleted++
    if (this.#running.delete(id)) this.#gone(id)
    this.#look()
    return true
  }

  onGone(listener: (id: string) => void): void {
    this.#gone = listener
  }

  stats(): ResponseStats {
    const { maxResponses, maxBytes } = this.#options.quotas
    return {
      ...{ ...this.#totals, maxResponses, maxBytes, ...this.#counts },
      failures: this.#failures.failures,
      database: this.#opened?.connections?.(),
    }
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#working
    const opened = await this.#opening?.catch(() => undefined)
    await opened?.dispose()
  }

  /** Undefined where nothing was ever stored: nothing has to be made for that to be known. */
  async openIfThere(): Promise<OpenRecords<ResponseRecords> | undefined> {
    this.#refuseWhenDisposed()
    if (this.#opening) return await this.#opening
    return (await this.#options.source.isThere()) ? await this.#open() : undefined
  }

  async #read<T>(
    id: string,
    work: (records: ResponseRecords) => Promise<T>,
  ): Promise<T | undefined> {
    if (!this.isOn || !isResponseId(id)) return undefined
    const opened = await this.#failures.of(this.openIfThere())
    return opened && (await this.#failures.of(work(opened.records)))
  }

  async #open(): Promise<OpenRecords<ResponseRecords>> {
    this.#refuseWhenDisposed()
    this.#opening ??= this.#start()
    return await this.#opening
  }

  async #start(): Promise<OpenRecords<ResponseRecords>> {
    try {
      const opened = await this.#options.source.open()
      this.#opened = opened
      this.#later(() => this.#sweep())
      return opened
    } catch (err) {
      this.#options.logger.error({ err }, 'responses cannot be stored or read')
      setTimeout(() => {
        this.#opening = undefined
      }, RETRY_AFTER_MS).unref()
      throw err
    }
  }

  /** Says that what this server generates is being generated, and hears what of it is not wanted any more. */
  async #beat(): Promise<void> {
    const ids = [...this.#running.keys()]
    if (ids.length === 0 || !this.#opened) return
    const running = new Set(await this.#opened.records.beat(this.#server, ids, this.#until()))
    for (const id of ids) if (!running.has(id) && this.#running.delete(id)) this.#gone(id)
  }

  async #sweep(): Promise<void> {
    const opened = this.#opened
    for (let more = true; more && opened && !this.#isDisposed; ) {
      const gone = await opened.records.removeExpired(this.#seconds(), EXPIRED_AT_ONCE)
      this.#counts.expired += gone
      more = gone === EXPIRED_AT_ONCE
    }
    if (opened && !this.#isDisposed) this.#totals = await opened.records.totals()
  }

  #look(): void {
    this.#later(async () => {
      if (this.#opened) this.#totals = await this.#opened.records.totals()
    })
  }

  /** One thing at a time, and none that anybody waits for. */
  #later(work: () => Promise<void>): void {
    if (this.#isDisposed) return
    this.#working = this.#working.then(work).catch((err: unknown) => {
      this.#failures.add()
      this.#options.logger.warn({ err }, 'responses: the database could not be tidied')
    })
  }

  #refuseWhenDisposed(): void {
    if (this.#isDisposed) throw new AerieError('shutting_down', 'responses: the server is stopping')
  }

  #until(): number {
    const { beatMs = BEAT_MS } = this.#options
    return Math.ceil((this.#now() + BEATS_OF_PATIENCE * beatMs) / 1000)
  }

  #seconds(): number {
    return Math.floor(this.#now() / 1000)
  }
}

function refusal(is: 'too-large' | 'full', quotas: Quotas): AerieError {
  const { maxBytes, maxTenantBytes } = quotas
  const most = `${Math.min(maxBytes, maxTenantBytes)} bytes (${maxBytes <= maxTenantBytes ? 'maxResponsesBytes' : 'maxTenantResponsesBytes'})`
  const what =
    is === 'too-large'
      ? `it has more than ${most} with its pictures`
      : 'all that is kept is being generated, and nothing can make room'
  const message = `store: ${what}; send store: false, or less`
  return new AerieError('insufficient_storage', message, { param: 'store' })
}
