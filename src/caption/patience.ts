/** Asks again what failed for a reason that may pass, each time after a longer while, and stops a run whose server does not come back. */
import { setTimeout as delay } from 'node:timers/promises'
import { CommandFailure } from '../cli/command.ts'
import { ClipFailure } from './job.ts'
import { ServerLost, ServerRefusal, verdictOf } from './server-error.ts'

/** Of one request, for reasons that are not the server's load: a clip on which a server dies each time is given up. */
const ATTEMPTS = 4
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 15_000

export interface PatienceOptions {
  /** For how long a server may be away, or so busy that nothing is answered, before the run stops. */
  readonly waitMs: number
  /** Whether the server would take a request. Never rejects. */
  isReady(): Promise<boolean>
  /** Ends every pause: nothing new is begun any more. */
  readonly stop: AbortSignal
  /** Told when all wait for the server, and when it is back. */
  onPause(reason: string | undefined): void
  readonly url: string
}

export class Patience {
  readonly #options: PatienceOptions
  #lastAnswer = performance.now()
  #return: Promise<void> | undefined

  constructor(options: PatienceOptions) {
    this.#options = options
  }

  /** Rejects with ClipFailure, CommandFailure, what else `attempt` throws, or the reason of `stop`. */
  async ask<T>(attempt: () => Promise<T>): Promise<T> {
    let failures = 0
    const begun = performance.now()
    for (let pauses = 0; ; pauses++) {
      this.#options.stop.throwIfAborted()
      try {
        const result = await attempt()
        this.#lastAnswer = performance.now()
        return result
      } catch (error) {
        if (error instanceof ClipFailure && error.code === 'media_fetch_failed') {
          if (++failures >= ATTEMPTS) throw error
          await this.#pause(pauses)
          continue
        }
        if (!(error instanceof ServerRefusal || error instanceof ServerLost)) throw error
        const verdict = verdictOf(error)
        if (verdict === 'clip') throw asClipFailure(error)
        if (verdict === 'run') throw new CommandFailure(`${this.#options.url}: ${error.message}`)
        if (verdict === 'busy') {
          await this.#waitForRoom(error, begun, pauses)
          continue
        }
        if (++failures >= ATTEMPTS) throw asClipFailure(error)
        if (verdict === 'gone') {
          this.#return ??= this.#waitForServer(error)
          await this.#return
        } else await this.#pause(pauses, (error as ServerRefusal).retryAfterMs)
      }
    }
  }

  async #waitForRoom(error: Error, begun: number, pauses: number): Promise<void> {
    const since = performance.now() - Math.max(begun, this.#lastAnswer)
    if (since > this.#options.waitMs)
      throw new CommandFailure(
        `${this.#options.url} answered nothing for ${minutes(since)}: ${error.message}; the same command goes on`,
      )
    await this.#pause(pauses, (error as ServerRefusal).retryAfterMs)
  }

  /** One for all that wait. */
  async #waitForServer(error: Error): Promise<void> {
    const { isReady, waitMs, onPause, url } = this.#options
    const left = performance.now()
    let isTold = false
    try {
      for (let pauses = 0; ; pauses++) {
        if (await isReady()) return
        if (!isTold) onPause(error.message)
        isTold = true
        const since = performance.now() - left
        if (since > waitMs)
          throw new CommandFailure(
            `${url} did not come back within ${minutes(waitMs)}: ${error.message}; the same command goes on`,
          )
        await this.#pause(pauses)
      }
    } finally {
      this.#return = undefined
      if (isTold) onPause(undefined)
    }
  }

  /**
   * Twice as long each time, from what the server asks for on; by chance a part of it more or less, so that lanes do not come back all
   * at once.
   */
  async #pause(pauses: number, askedMs?: number): Promise<void> {
    const most = Math.min(LONGEST_PAUSE_MS, (askedMs ?? FIRST_PAUSE_MS) * 2 ** Math.min(pauses, 6))
    const ms = Math.max(askedMs ?? 0, most * (0.5 + Math.random() / 2))
    const { stop } = this.#options
    await delay(ms, undefined, { signal: stop }).catch(() => stop.throwIfAborted())
  }
}

function asClipFailure(error: ServerRefusal | ServerLost): ClipFailure {
  if (error instanceof ServerLost) {
    return new ClipFailure(
      'server_lost',
      `${ATTEMPTS} times the connection was lost: ${error.message}`,
    )
  }
  return new ClipFailure(error.code, error.message, error.param)
}

function minutes(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`
}
