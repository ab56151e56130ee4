/** Constraints that the worker compiles, and who waits for them on the main thread. */
import { AerieError, fromWireError, type WireError } from '../errors.ts'

interface Waiting {
  resolve(): void
  reject(error: unknown): void
}

/** More than any queue of requests lets in. */
const MOST = 4096

export class Preparations {
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 0

  /** Resolves when the worker has done what `post` asks it for. */
  async begin(post: (id: number) => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw cancelled(signal.reason)
    if (this.#waiting.size >= MOST)
      throw new AerieError('queue_full', 'too many constraints wait to be compiled', {
        retryAfterSeconds: 1,
      })
    const id = this.#nextId++
    const abort = () => this.#take(id)?.reject(cancelled(signal.reason))
    signal.addEventListener('abort', abort, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject })
        post(id)
      })
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  end(id: number, error: WireError | undefined): void {
    const waiting = this.#take(id)
    if (error) waiting?.reject(fromWireError(error))
    else waiting?.resolve()
  }

  failAll(error: AerieError): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }
}

function cancelled(cause: unknown): AerieError {
  return new AerieError('cancelled', 'the request was cancelled', { cause })
}
