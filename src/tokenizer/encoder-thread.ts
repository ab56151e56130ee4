/**
 * A vocabulary without its weight on the thread that asks: threads of its own build it, which takes up to a second, and encode texts.
 * What is told of it without them is a {@link TokenTable}.
 */
import { Worker } from 'node:worker_threads'
import { AerieError, fromWireError, type WireError } from '../errors.ts'
import { TokenTable, type TokenTableData } from './token-table.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Longer texts have a thread to themselves, so that short ones do not wait behind them: a megabyte takes a second. */
const SHORT_CHARACTERS = 4096
/** A text that takes longer is an attack on the pre-tokenizer's regular expression. */
const TIMEOUT_MS = 10_000

export interface EncodeOptions {
  /** With what the tokenizer itself adds to a prompt, such as `<s>`. */
  readonly whole?: boolean
}

/** Texts to ids. Rejects with `invalid_request` when a text cannot be encoded in reasonable time. */
export interface TextsToIds {
  encode(texts: readonly string[], options?: EncodeOptions): Promise<Int32Array[]>
}

/** What is asked of a thread: what its vocabulary is, or the ids of texts. */
export type ToTokenizer =
  | { readonly type: 'table' }
  | { readonly type: 'encode'; readonly texts: readonly string[]; readonly whole: boolean }

/** By the number of the question. */
export type FromTokenizer = { readonly id: number } & (
  | { readonly answer: TokenTableData | Int32Array[] }
  | { readonly error: WireError }
)

export function encodeTexts(
  tokenizer: Tokenizer,
  texts: readonly string[],
  whole: boolean,
): Int32Array[] {
  return texts.map((text) => (whole ? tokenizer.encodeWhole(text) : tokenizer.encode(text)))
}

export class EncoderThread implements TextsToIds {
  readonly tokenizer: TokenTable
  readonly #short: Lane
  readonly #long: Lane

  private constructor(tokenizer: TokenTable, short: Lane, long: Lane) {
    this.tokenizer = tokenizer
    this.#short = short
    this.#long = long
  }

  /** Of a model folder or a GGUF file. Rejects as `Tokenizer.load`. */
  static async load(modelDir: string): Promise<EncoderThread> {
    const short = new Lane(modelDir)
    try {
      const table = await short.ask<TokenTableData>({ type: 'table' })
      return new EncoderThread(new TokenTable(table), short, new Lane(modelDir))
    } catch (error) {
      short.end(error)
      throw error
    }
  }

  async encode(
    texts: readonly string[],
    { whole = false }: EncodeOptions = {},
  ): Promise<Int32Array[]> {
    const characters = texts.reduce((sum, text) => sum + text.length, 0)
    const lane = characters <= SHORT_CHARACTERS ? this.#short : this.#long
    return await lane.ask<Int32Array[]>({ type: 'encode', texts, whole }, TIMEOUT_MS)
  }

  async dispose(): Promise<void> {
    const reason = new AerieError('shutting_down', 'the server is shutting down')
    this.#short.end(reason)
    this.#long.end(reason)
  }
}

interface Waiting {
  resolve(answer: unknown): void
  reject(error: unknown): void
  readonly timer: NodeJS.Timeout | undefined
}

/** One thread with the vocabulary, started when it is first asked for anything. It keeps no process alive that nobody waits in. */
class Lane {
  readonly #modelDir: string
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #nextId = 0

  constructor(modelDir: string) {
    this.#modelDir = modelDir
  }

  ask<Answer>(question: ToTokenizer, timeoutMs?: number): Promise<Answer> {
    this.#worker ??= this.#start()
    const worker = this.#worker
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const tooLong = () =>
        this.end(new AerieError('invalid_request', 'the text takes too long to tokenize'))
      const timer = timeoutMs === undefined ? undefined : setTimeout(tooLong, timeoutMs)
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as Answer), reject, timer })
      worker.ref()
      worker.postMessage({ id, ...question })
    })
  }

  /** Ends the thread and everything that waits for it; the next question starts a new one. */
  end(reason: unknown): void {
    const worker = this.#worker
    this.#worker = undefined
    void worker?.terminate()
    for (const { timer, reject } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(reason)
    }
    this.#waiting.clear()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./tokenizer-worker.ts', import.meta.url), {
      workerData: { modelDir: this.#modelDir },
    })
    worker.on('message', (message: FromTokenizer) => {
      const waiting = this.#waiting.get(message.id)
      if (!waiting) return
      this.#waiting.delete(message.id)
      if (this.#waiting.size === 0) worker.unref()
      clearTimeout(waiting.timer)
      if ('error' in message) waiting.reject(fromWireError(message.error))
      else waiting.resolve(message.answer)
    })
    const end = (error: unknown) => {
      if (this.#worker === worker) this.end(error)
    }
    worker.on('error', end)
    worker.on('exit', () => end(new Error('the tokenizer thread ended')))
    worker.unref()
    return worker
  }
}
