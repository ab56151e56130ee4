/** How often the disk, the database or the object store has failed a store. */
import { AerieError } from '../errors.ts'

/** What is not the storage's fault is not counted as such. */
const STORAGE: ReadonlySet<string> = new Set(['storage_failure', 'insufficient_storage'])

export class FailureCount {
  #failures = 0

  get failures(): number {
    return this.#failures
  }

  /** That nobody has waited for. */
  add(): void {
    this.#failures++
  }

  /** The same promise, watched. */
  async of<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (!(error instanceof AerieError) || STORAGE.has(error.code)) this.#failures++
      throw error
    }
  }
}
