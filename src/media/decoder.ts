/** A decoder that is always there: one task at a time, and a fresh process whenever the old one ends. */
import { AerieError } from '../errors.ts'
import { type DecoderExit, DecoderProcess, type ProcessOptions } from './decoder-process.ts'
import { type Call, isFailure } from './decoder-protocol.ts'
import type { Frame } from './frames.ts'
import { cancelled } from './gate.ts'
import type { MediaLogger } from './types.ts'
import type { Cancel, ClipCall } from './video/clip-protocol.ts'

export interface DecoderOptions extends ProcessOptions {
  readonly timeoutMs: number
  /** What it decodes and which key bounds its time, for messages. */
  readonly words: { readonly subject: string; readonly timeout: string }
  /** It takes word of a call that nobody waits for any more, and then needs no killing. */
  readonly isCancellable?: boolean
  readonly logger: MediaLogger
}

export interface DecoderTask {
  readonly reply: Promise<Frame>
  /** Resolves when the process can take the next task; after an abort that is later than `reply`. */
  readonly idle: Promise<void>
}

/** An aborted picture that is decoded this fast anyway is not worth a new process. */
const ABORT_PATIENCE_MS = 1000

/** A process that cannot even start is not tried again at once. */
const RESTART_DELAY_MS = 1000

/** Ends that a picture brings about: native code that went wrong on its bytes. */
const CRASHES: ReadonlySet<string | null> = new Set([
  'SIGSEGV',
  'SIGBUS',
  'SIGABRT',
  'SIGILL',
  'SIGFPE',
  'SIGTRAP',
])

interface Running {
  answered(frame: Frame): void
  died(end: DecoderExit): void
}

export class Decoder {
  readonly #options: DecoderOptions
  #process: DecoderProcess | undefined
  #ready = Promise.withResolvers<void>()
  #closed = Promise.withResolvers<void>()
  #running: Running | undefined
  #kept: number | undefined
  #isDisposed = false
  #restart: NodeJS.Timeout | undefined

  constructor(options: DecoderOptions) {
    this.#options = options
  }

  /** Undefined between one process and the next. */
  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** The picture whose file the process has: the one of its last call, if that was an `open`. At most one, then, is kept. */
  get kept(): number | undefined {
    return this.#kept
  }

  /** Starts the process. Rejects when it ends before it is ready. */
  start(): Promise<void> {
    const failed = Promise.withResolvers<void>()
    this.#spawn((end) => failed.reject(new Error(`media decoder does not start: ${describe(end)}`)))
    return Promise.race([this.#ready.promise, failed.promise])
  }

  /** Sends a task to the process, without the body if that is there already. The caller waits for `idle` before the next one. */
  run(call: Call | ClipCall, body: Uint8Array | string, signal: AbortSignal): DecoderTask {
    const reply = Promise.withResolvers<Frame>()
    const idle = Promise.withResolvers<void>()
    const { timeoutMs, words, isCancellable = false } = this.#options
    const { param } = call
    let sentAt: number | undefined
    let deadline: NodeJS.Timeout | undefined
    let patience: NodeJS.Timeout | undefined
    const finish = () => {
      clearTimeout(deadline)
      clearTimeout(patience)
      signal.removeEventListener('abort', abort)
      this.#running = undefined
      idle.resolve()
    }
    const kill = () => this.#process?.kill()
    const tooSlow = () => {
      const message = `${param}: ${words.subject} takes longer than ${timeoutMs} ms to decode (${words.timeout})`
      reply.reject(new AerieError('media_too_large', message, { param }))
      if (isCancellable) cancel()
      else kill()
    }
    const cancel = () => {
      this.#process?.send({ cancel: true } satisfies Cancel)
      clearTimeout(patience)
      patience = setTimeout(kill, ABORT_PATIENCE_MS)
    }
    const abort = () => {
      reply.reject(cancelled())
      if (sentAt === undefined) return finish()
      clearTimeout(deadline)
      if (isCancellable) cancel()
      else patience = setTimeout(kill, ABORT_PATIENCE_MS - (performance.now() - sentAt))
    }
    this.#running = {
      answered: (frame) => {
        finish()
        if (call.do === 'open' && !isFailure(frame.head)) this.#kept = call.picture
        reply.resolve(frame)
      },
      died: (end) => {
        // A process that died while it was starting is replaced, and the task waits for the new one.
        if (sentAt === undefined && !this.#isDisposed) return
        finish()
        reply.reject(this.#isDisposed ? shutDown() : crash(end, param, words.subject))
      },
    }
    const running = this.#running
    void this.#ready.promise.then(() => {
      if (this.#running !== running) return
      sentAt = performance.now()
      deadline = setTimeout(tooSlow, timeoutMs)
      const isKept = call.do === 'prepare' && call.picture === this.#kept
      this.#kept = undefined
      if (isKept) this.#process!.send({ ...call, from: 'kept' } satisfies Call)
      else this.#process!.send(call, body)
    })
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort)
    return { reply: reply.promise, idle: idle.promise }
  }

  /** Kills the process and waits until it is gone. */
  async dispose(): Promise<void> {
    this.#isDisposed = true
    clearTimeout(this.#restart)
    if (!this.#process) return
    this.#process.kill()
    await this.#closed.promise
  }

  #spawn(onEarlyExit?: (end: DecoderExit) => void): void {
    let isReady = false
    this.#closed = Promise.withResolvers()
    this.#process = new DecoderProcess(
      {
        ready: () => {
          isReady = true
          this.#ready.resolve()
        },
        frame: (frame) => this.#running?.answered(frame),
        exit: (end) => {
          this.#process = undefined
          this.#kept = undefined
          this.#closed.resolve()
          if (isReady) this.#ready = Promise.withResolvers()
          this.#running?.died(end)
          if (!isReady) onEarlyExit?.(end)
          if (this.#isDisposed) return
          this.#options.logger.warn({ ...end }, 'media decoder ended; starting another')
          this.#restart = setTimeout(() => this.#spawn(), isReady ? 0 : RESTART_DELAY_MS)
        },
      },
      this.#options,
    )
  }
}

function shutDown(): AerieError {
  return new AerieError('shutting_down', 'the server stops decoding media')
}

function crash(end: DecoderExit, param: string, subject: string): Error {
  const cause = new Error(`media decoder ended: ${describe(end)}`)
  if (!CRASHES.has(end.signal)) return cause
  const message = `${param}: ${subject} made its decoder crash`
  return new AerieError('invalid_media', message, { param, cause })
}

function describe({ code, signal, stderr }: DecoderExit): string {
  return `${signal ?? `exit code ${code}`}${stderr ? `: ${stderr.trim()}` : ''}`
}
