/** Pictures, sounds and texts that wait for the towers, each once however many requests want it. */
import { AerieError } from '../errors.ts'
import { itemsPerRun } from './run-size.ts'
import type { EncodeResult, EncoderRequest, Features } from './types.ts'

/** Someone who waits for a picture. */
interface Waiter {
  readonly since: number
  /** Whether an earlier request had asked for the same picture. */
  readonly joined: boolean
  readonly resolve: (result: EncodeResult) => void
  readonly reject: (error: Error) => void
}

/** One picture, sound or text on its way, and who waits for it. */
export class PendingPicture {
  readonly request: EncoderRequest
  readonly waiters = new Set<Waiter>()
  startedAt: number | undefined

  constructor(request: EncoderRequest) {
    this.request = request
  }

  /** Windows, of a sound. */
  get tiles(): number {
    if ('mel' in this.request) return this.request.windows
    if ('tokens' in this.request) return 1
    const { layout, pooled } = this.request
    return layout.tiles * (pooled?.frames ?? 1)
  }

  /** Of one tile or window, or of the picture of a tower. */
  get floats(): number {
    const { request } = this
    if ('tokens' in request) return request.tokens.length
    return ('mel' in request ? request.mel : request.pixels).length / this.tiles
  }

  /** Only pictures whose tiles have one shape, and of which the same is wanted, can share a run; and only sounds with sounds, texts with texts. */
  get shape(): string {
    if ('mel' in this.request) return 'sound'
    if ('tokens' in this.request) return 'text'
    const { input } = this.request
    return input ? `${input.width}×${input.height} ${input.output}` : String(this.floats)
  }

  /** Waits for it. When the signal fires the wait ends with `cancelled`; `onLeave` hears of it. */
  wait(signal: AbortSignal, now: number, onLeave: () => void): Promise<EncodeResult> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        since: now,
        joined: this.waiters.size > 0,
        resolve: (result) => {
          signal.removeEventListener('abort', leave)
          resolve(result)
        },
        reject: (error) => {
          signal.removeEventListener('abort', leave)
          reject(error)
        },
      }
      const leave = () => {
        this.waiters.delete(waiter)
        reject(cancelled(signal))
        onLeave()
      }
      this.waiters.add(waiter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  resolve(features: Features, encodeMs: number): void {
    for (const { since, joined, resolve } of this.waiters) {
      const queueMs = Math.max((this.startedAt ?? since) - since, 0)
      resolve({ features, cached: joined, queueMs, encodeMs })
    }
  }

  reject(error: Error): void {
    for (const waiter of this.waiters) waiter.reject(error)
  }
}

export class EncodeQueue {
  readonly #waiting: PendingPicture[] = []

  get size(): number {
    return this.#waiting.length
  }

  add(picture: PendingPicture): void {
    this.#waiting.push(picture)
  }

  remove(picture: PendingPicture): void {
    const index = this.#waiting.indexOf(picture)
    if (index >= 0) this.#waiting.splice(index, 1)
  }

  /**
   * The oldest picture, and those behind it of the same shape as far as one run holds the tiles of all. What would need a run
   * of its own stays here, where it may still be given up, and nobody's features wait for it.
   */
  takeBatch(maxBatch: number): PendingPicture[] {
    const oldest = this.#waiting.shift()
    if (!oldest) return []
    const maxTiles = itemsPerRun(oldest.floats, maxBatch)
    const batch = [oldest]
    const { shape } = oldest
    let tiles = oldest.tiles
    for (let i = 0; i < this.#waiting.length && tiles < maxTiles; ) {
      const next = this.#waiting[i]!
      if (next.shape === shape && tiles + next.tiles <= maxTiles) {
        this.#waiting.splice(i, 1)
        batch.push(next)
        tiles += next.tiles
      } else {
        i++
      }
    }
    return batch
  }
}

export function cancelled(signal: AbortSignal): AerieError {
  return new AerieError('cancelled', 'the request was cancelled', { cause: signal.reason })
}
