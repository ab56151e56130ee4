/** Encodes texts of any length without blocking: short ones in place, long ones in a worker thread. */
import { Worker } from 'node:worker_threads'
import { AerieError, fromWireError, type WireError } from '../errors.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Up to here encoding takes a few milliseconds at the library's measured megabyte a second. */
const IN_PLACE_CHARACTERS = 4096
/** A text that takes longer is an attack on the pre-tokenizer's regular expression. */
const TIMEOUT_MS = 10_000

/** What the worker is asked. */
export interface EncodeMessage {
  readonly id: number
  readonly texts: readonly string[]
  readonly whole: boolean
}

export function encodeTexts(
  tokenizer: Tokenizer,
  texts: readonly string[],
  whole: boolean,
): Int32Array[] {
  return texts.map((text) => (whole ? tokenizer.encodeWhole(text) : tokenizer.encode(text)))
}

interface Waiting {
  resolve(ids: Int32Array[]): void
  reject(error: Error): void
  readonly timer: NodeJS.Timeout
}

export class EncoderThread {
  readonly #tokenizer: Tokenizer
  readonly #modelDir: string
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #nextId = 0

  constructor(tokenizer: Tokenizer, modelDir: string) {
    this.#tokenizer = tokenizer
    this.#modelDir = modelDir
  }

  /**
   * Ids of each text; of a `whole` prompt with what the tokenizer itself adds, such as `<s>`. Rejects with `invalid_request` when a
   * text cannot be encoded within ten seconds.
   */
  async encode(texts: readonly string[], { whole = false } = {}): Promise<Int32Array[]> {
    const characters = texts.reduce((sum, text) => sum + text.length, 0)
    if (characters <= IN_PLACE_CHARACTERS) return encodeTexts(this.#tokenizer, texts, whole)
    this.#worker ??= this.#start()
    const worker = this.#worker
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(new AerieError('invalid_request', 'the text takes too long to tokenize'))
      }, TIMEOUT_MS)
      this.#waiting.set(id, { resolve, reject, timer })
      worker.ref()
      worker.postMessage({ id, texts, whole } satisfies EncodeMessage)
    })
  }

  async dispose(): Promise<void> {
    this.#fail(new AerieError('shutting_down', 'the server is shutting down'))
  }

  #start(): Worker {
    const worker = new Worker(new URL('./tokenizer-worker.ts', import.meta.url), {
      workerData: { modelDir: this.#modelDir },
    })
    worker.on('message', (message: { id: number; ids?: Int32Array[]; error?: WireError }) => {
      const waiting = this.#waiting.get(message.id)
      if (!waiting) return
      this.#waiting.delete(message.id)
      if (this.#waiting.size === 0) worker.unref()
      clearTimeout(waiting.timer)
      if (message.error) waiting.reject(fromWireError(message.error))
      else waiting.resolve(message.ids!)
    })
    worker.on('error', (error) => this.#fail(error))
    worker.unref()
    return worker
  }

  /** Ends the worker and everything that waits for it; the next long text starts a new one. */
  #fail(error: unknown): void {
    const worker = this.#worker
    this.#worker = undefined
    void worker?.terminate()
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer)
      waiting.reject(error instanceof Error ? error : new Error(String(error)))
    }
    this.#waiting.clear()
  }
}
