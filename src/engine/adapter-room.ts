/**
 * The adapters of an engine: which are loaded, who uses them, and whose requests wait for one. Bounded in number and bytes; what
 * makes room is the least recently used that no sequence needs, and then one that only worse ranks need.
 */
import { AerieError, toWireError } from '../errors.ts'
import type { AdapterLoader } from './adapter-loader.ts'
import type { AdapterId, PreparedAdapter, SequenceId, SessionAdapters } from './backend.ts'
import type { WantedAdapter } from './prepare-adapter.ts'
import type { Sequence } from './sequence.ts'
import { compareRank } from './sequence-queue.ts'
import type { AdapterStats } from './types.ts'

export interface EngineAdapter extends WantedAdapter {
  /** That it takes while it is loaded. */
  readonly bytes: number
}

export interface AdapterRoomOptions {
  readonly session: SessionAdapters
  readonly loader: AdapterLoader
  readonly adapters: readonly EngineAdapter[]
  /** Adapters, and bytes, that may be loaded or loading at once. */
  readonly maxLoaded: number
  readonly maxBytes: number
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** A load has ended: `settle` has something to do. */
  readonly onNews: () => void
}

/** A load that failed is not tried again for so long. */
const RETRY_MS = 10_000

interface Slot {
  readonly source: EngineAdapter
  readonly id: AdapterId
  /** Undefined while it loads. */
  isLoaded: boolean
  /** Sequences of the scheduler that have it. */
  readonly users: Set<Sequence>
}

interface Failure {
  readonly error: AerieError
  readonly until: number
}

export interface Settled {
  /** May run now, and are used from now on. */
  readonly ready: readonly Sequence[]
  readonly failed: readonly { readonly sequence: Sequence; readonly error: AerieError }[]
}

export class AdapterRoom {
  readonly #options: AdapterRoomOptions
  readonly #adapters: ReadonlyMap<string, EngineAdapter>
  /** Loaded or loading, least recently used first. */
  readonly #slots = new Map<string, Slot>()
  readonly #failures = new Map<string, Failure>()
  readonly #parked = new Set<Sequence>()
  /** What loads that have ended leave to be done. */
  #arrived: (() => void)[] = []
  #hasNews = false
  #blocked: { readonly first: Sequence; readonly passUntil: SequenceId } | undefined
  #nextId: AdapterId = 0
  #counters = { loads: 0, evictions: 0, failures: 0, loadMs: 0 }

  constructor(options: AdapterRoomOptions) {
    this.#options = options
    this.#adapters = new Map(options.adapters.map((adapter) => [adapter.name, adapter]))
    const { adapters, maxBytes, maxLoaded } = options
    const wide = adapters.find(({ bytes }) => bytes > maxBytes)
    // Its requests would wait for ever.
    if (wide || maxLoaded < 1)
      throw new AerieError(
        'invalid_config',
        `adapters: ${wide?.name ?? 'none'} takes ${wide?.bytes ?? 0} bytes, there may be ${maxBytes} and ${maxLoaded} adapters`,
      )
  }

  /** Whether a load has ended since the last {@link settle}, a sequence has come, or one has left while others wait. */
  get hasNews(): boolean {
    return this.#hasNews
  }

  find(name: string): EngineAdapter | undefined {
    return this.#adapters.get(name)
  }

  /** Takes in a sequence whose adapter may not be loaded; {@link settle} gives it back. */
  park(sequence: Sequence): void {
    this.#parked.add(sequence)
    this.#hasNews = true
  }

  /** A sequence of a request whose adapter is loaded has entered the scheduler. */
  enter(sequence: Sequence): void {
    this.#slots.get(sequence.request.params.adapter!)?.users.add(sequence)
  }

  /** A sequence has ended, wherever it was. */
  leave(sequence: Sequence): void {
    this.#parked.delete(sequence)
    const { adapter } = sequence.request.params
    if (adapter !== undefined) this.#slots.get(adapter)?.users.delete(sequence)
    if (this.#parked.size > 0) this.#hasNews = true
  }

  /** Of a sequence that is in the scheduler; undefined for one without an adapter. */
  idOf({ request: { params } }: Sequence): AdapterId | undefined {
    return params.adapter === undefined ? undefined : this.#slots.get(params.adapter)!.id
  }

  /** Takes what was loaded, begins what is wanted next, and says who may run. `withdraw` takes a sequence out of the scheduler. */
  settle(
    isRunning: (sequence: Sequence) => boolean,
    withdraw: (sequence: Sequence) => void,
  ): Settled {
    this.#hasNews = false
    for (const take of this.#arrived.splice(0)) take()
    const ready: Sequence[] = []
    const failed: { sequence: Sequence; error: AerieError }[] = []
    let isBlocked = false
    for (const sequence of [...this.#parked].sort(compareRank)) {
      const name = sequence.request.params.adapter!
      const slot = this.#slots.get(name)
      const error = slot ? undefined : this.#failureOf(name)
      if (error) {
        this.#parked.delete(sequence)
        failed.push({ sequence, error })
      } else if (slot?.isLoaded) {
        if (this.#isHeldBack(sequence)) continue
        this.#parked.delete(sequence)
        slot.users.add(sequence)
        this.#touch(slot)
        ready.push(sequence)
      } else if (!slot && !isBlocked) {
        const source = this.#adapters.get(name)!
        if (this.#makeRoom(source, sequence, isRunning, withdraw)) this.#load(source)
        else {
          isBlocked = true
          this.#block(sequence)
        }
      }
    }
    if (!isBlocked) this.#blocked = undefined
    return { ready, failed }
  }

  /**
   * The best rank that cannot have it has no room for its adapter. Those that wait already may still pass with one that is loaded,
   * which saves loading it again; who comes later may not, or they could keep it there for ever.
   */
  #block(first: Sequence): void {
    if (this.#blocked?.first === first) return
    let passUntil = 0
    for (const { id } of this.#parked) passUntil = Math.max(passUntil, id)
    this.#blocked = { first, passUntil }
  }

  /** Better ranks than the one that has no room never are: it would evict what was loaded for them, and they would load it again. */
  #isHeldBack(sequence: Sequence): boolean {
    const blocked = this.#blocked
    return (
      blocked !== undefined &&
      sequence.id > blocked.passUntil &&
      compareRank(blocked.first, sequence) < 0
    )
  }

  stats(): AdapterStats {
    const { maxLoaded, maxBytes } = this.#options
    const slots = [...this.#slots.values()]
    const loaded = slots.filter(({ isLoaded }) => isLoaded)
    return {
      loaded: loaded.map(({ source }) => source.name),
      loading: slots.length - loaded.length,
      waiting: this.#parked.size,
      maxLoaded,
      bytes: this.#bytes,
      maxBytes,
      ...this.#counters,
    }
  }

  async dispose(): Promise<void> {
    await this.#options.loader.dispose()
  }

  get #bytes(): number {
    let bytes = 0
    for (const { source } of this.#slots.values()) bytes += source.bytes
    return bytes
  }

  /** Whether there is room when `gone` have left. */
  #fits({ bytes }: EngineAdapter, gone: readonly Slot[]): boolean {
    const { maxLoaded, maxBytes } = this.#options
    const freed = gone.reduce((sum, { source }) => sum + source.bytes, 0)
    return this.#slots.size - gone.length < maxLoaded && this.#bytes - freed + bytes <= maxBytes
  }

  /** Evicts until the adapter fits, or nothing at all when too much is needed by others: false. */
  #makeRoom(
    source: EngineAdapter,
    sequence: Sequence,
    isRunning: (sequence: Sequence) => boolean,
    withdraw: (sequence: Sequence) => void,
  ): boolean {
    const isLive = sequence.request.params.priority === 'live'
    const gives = (user: Sequence) =>
      compareRank(sequence, user) < 0 &&
      (!isRunning(user) || (isLive && user.request.params.priority === 'batch'))
    const loaded = [...this.#slots.values()].filter(({ isLoaded }) => isLoaded)
    const unused = loaded.filter(({ users }) => users.size === 0)
    const given = loaded.filter(({ users }) => users.size > 0 && [...users].every(gives))
    const victims: Slot[] = []
    for (const victim of [...unused, ...given]) {
      if (this.#fits(source, victims)) break
      victims.push(victim)
    }
    if (!this.#fits(source, victims)) return false
    for (const victim of victims) {
      for (const user of victim.users) {
        withdraw(user)
        this.#parked.add(user)
      }
      this.#evict(victim)
    }
    return true
  }

  #evict({ source, id }: Slot): void {
    this.#slots.delete(source.name)
    this.#options.session.remove(id)
    this.#counters.evictions++
  }

  #load(source: EngineAdapter): void {
    const { loader, now, onNews } = this.#options
    const slot: Slot = { source, id: this.#nextId++, isLoaded: false, users: new Set() }
    this.#slots.set(source.name, slot)
    const startedAt = now()
    const arrive = (take: () => void) => {
      this.#arrived.push(() => {
        this.#counters.loadMs += now() - startedAt
        try {
          take()
        } catch (error) {
          this.#failed(slot, error)
        }
      })
      this.#hasNews = true
      onNews()
    }
    loader.load(source).then(
      (prepared) => arrive(() => this.#loaded(slot, prepared)),
      (error) => arrive(() => this.#failed(slot, error)),
    )
  }

  #loaded(slot: Slot, prepared: PreparedAdapter): void {
    this.#options.session.add(slot.id, prepared)
    slot.isLoaded = true
    this.#counters.loads++
  }

  /** Told to all that wait for it, and to those who ask in the next seconds. */
  #failed({ source }: Slot, cause: unknown): void {
    this.#slots.delete(source.name)
    this.#counters.failures++
    const error =
      cause instanceof AerieError
        ? cause
        : new AerieError(
            'backend_failure',
            `adapter ${source.name}: ${toWireError(cause).message}`,
            {
              cause,
            },
          )
    this.#failures.set(source.name, { error, until: this.#options.now() + RETRY_MS })
  }

  #failureOf(name: string): AerieError | undefined {
    const failure = this.#failures.get(name)
    if (!failure) return undefined
    if (this.#options.now() < failure.until) return failure.error
    this.#failures.delete(name)
    return undefined
  }

  #touch(slot: Slot): void {
    this.#slots.delete(slot.source.name)
    this.#slots.set(slot.source.name, slot)
  }
}
