/** A running request on the main thread: events come in by the step and go out one by one. */
import { AerieError } from '../errors.ts'
import type { Generation, GenerationEvent } from './types.ts'

export interface GenerationHooks {
  /** Called once when the reader leaves before the end. */
  readonly onAbort: () => void
  readonly onStop: (choice: number) => void
}

/**
 * The events of one request for one reader. The buffer needs no back-pressure: it cannot outgrow
 * `n · (maxTokens + 1) + 1` events, and one a step that scores a piece of the prompt.
 */
export class GenerationStream implements Generation, AsyncIterator<GenerationEvent> {
  readonly #hooks: GenerationHooks
  #events: GenerationEvent[] = []
  #read = 0
  /** Set when no further event will come. */
  #end: { readonly error?: Error } | undefined
  #wake: (() => void) | undefined

  constructor(hooks: GenerationHooks) {
    this.#hooks = hooks
  }

  get unread(): number {
    return this.#events.length - this.#read
  }

  push(event: GenerationEvent): void {
    if (this.#end) return
    this.#events.push(event)
    this.#wake?.()
  }

  /** No more events. */
  close(): void {
    this.#end ??= {}
    this.#wake?.()
  }

  /** Ends the iteration with an error at once: what is buffered is not delivered any more. */
  cancel(cause: unknown): void {
    if (this.#end) return
    this.#end = { error: new AerieError('cancelled', 'the request was cancelled', { cause }) }
    this.#drop()
    this.#hooks.onAbort()
    this.#wake?.()
  }

  stop(choice: number): void {
    if (!this.#end) this.#hooks.onStop(choice)
  }

  [Symbol.asyncIterator](): AsyncIterator<GenerationEvent> {
    return this
  }

  async next(): Promise<IteratorResult<GenerationEvent>> {
    while (this.#read === this.#events.length) {
      if (this.#end?.error) throw this.#end.error
      if (this.#end) return { done: true, value: undefined }
      this.#drop()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return { done: false, value: this.#events[this.#read++]! }
  }

  async return(): Promise<IteratorResult<GenerationEvent>> {
    const wasRunning = this.#end === undefined
    this.#end = {}
    this.#drop()
    if (wasRunning) this.#hooks.onAbort()
    this.#wake?.()
    return { done: true, value: undefined }
  }

  #drop(): void {
    this.#events = []
    this.#read = 0
  }
}
