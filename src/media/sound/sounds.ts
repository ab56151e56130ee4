/** Sounds as the main thread sees them: a file in, a log-mel spectrogram out, a few at a time, each in a thread of its own. */
import { Worker } from 'node:worker_threads'
import { AerieError, fromWireError, ProgramWords, type WireError } from '../../errors.ts'
import { traced } from '../../tracing/trace.ts'
import { ByteBudget, type Claim } from '../byte-budget.ts'
import { ffmpegEnvironment } from '../ffmpeg/environment.ts'
import { cancelled, Gate } from '../gate.ts'
import type { DecodedSound, SoundToDecode } from './decode-sound.ts'
import type { HeardSound, SoundToHear } from './hear-sound.ts'
import { HOP, SAMPLE_RATE } from './log-mel.ts'

export interface SoundOptions {
  /** Decoded at one time. */
  readonly workers: number
  readonly maxWaiting: number
  readonly maxSeconds: number
  /** For one sound to be decoded. */
  readonly timeoutMs: number
  /** Of spectrograms, until their requests are answered. */
  readonly maxBytesInUse: number
  readonly ffmpegPath: string
  readonly searchPath: string
  /** Address space of one ffmpeg. */
  readonly maxFfmpegBytes: number
}

export interface SoundFile {
  readonly path: string
  readonly byteLength: number
  /** The request field, for error messages. */
  readonly param: string
}

export interface LoadedSound extends DecodedSound {
  readonly decodeMs: number
}

/** A sound in windows, for a model that answers. */
export interface LoadedWindows extends HeardSound {
  readonly decodeMs: number
}

/** What a thread is started with. */
export type SoundTask =
  | ({ readonly do: 'decode' } & SoundToDecode)
  | ({ readonly do: 'hear' } & SoundToHear)

export interface SoundStats {
  readonly running: number
  readonly workers: number
  readonly waiting: number
  readonly maxWaiting: number
  readonly bytesInUse: number
  readonly maxBytesInUse: number
  /** Since start. */
  readonly decoded: number
  readonly seconds: number
  readonly failed: number
}

export type FromSoundThread =
  | { readonly type: 'decoded'; readonly decoded: DecodedSound | HeardSound }
  /** `words`: what ffmpeg said last, where it failed. */
  | { readonly type: 'failed'; readonly error: WireError; readonly words?: string }

const ENTRY = new URL('./sound-worker.ts', import.meta.url)
/** A thread that was told to stop and does not is ended by force. */
const PATIENCE_MS = 5000
/** A spectrogram over the file that it is of: low rates of modern codecs; what is more is counted when it is known. */
const BYTES_PER_BYTE = 16
/** Of a thread's own heap; samples and spectrogram lie outside it. */
const HEAP_MB = 128

export class Sounds {
  readonly #options: SoundOptions
  readonly #budget: ByteBudget
  readonly #gate: Gate
  readonly #claims = new WeakMap<LoadedSound | LoadedWindows, Claim>()
  readonly #threads = new Set<Worker>()
  #decoded = 0
  #seconds = 0
  #failed = 0

  constructor(options: SoundOptions) {
    this.#options = options
    const { workers: slots, maxWaiting } = options
    this.#budget = new ByteBudget(options.maxBytesInUse)
    const words = {
      waiting: 'sounds',
      full: 'the sounds in memory are as many bytes as there may be (soundMaxBytesInUse)',
    }
    this.#gate = new Gate({ slots, maxWaiting, words, budget: this.#budget })
  }

  /**
   * Decodes a file of this machine. Give it to `release` when it is no longer needed. Rejects with `invalid_media`,
   * `unsupported_media`, `media_too_large`, `queue_full` or `cancelled`.
   */
  async load(
    file: SoundFile,
    { bins, leastSeconds }: Pick<SoundToDecode, 'bins' | 'leastSeconds'>,
    signal: AbortSignal,
  ): Promise<LoadedSound> {
    const { maxSeconds } = this.#options
    const most = bytesOf(bins, Math.max(maxSeconds, leastSeconds))
    const likely = Math.max(bytesOf(bins, leastSeconds), file.byteLength * BYTES_PER_BYTE)
    const task = { do: 'decode', ...this.#input(file), bins, leastSeconds } as const
    const sizeOf = ({ mel }: DecodedSound) => mel.data.byteLength
    return await this.#load(task, Math.min(most, likely), sizeOf, signal)
  }

  /** As `load`, in windows. Beyond these, and outside the part that is asked for, nothing is kept. */
  async hear(
    file: SoundFile,
    asked: Pick<SoundToHear, 'hearing' | 'part' | 'claim'>,
    signal: AbortSignal,
  ): Promise<LoadedWindows> {
    const { melBins, windowFrames, maxWindows } = asked.hearing
    const window = bytesOf(melBins, (windowFrames * HOP) / SAMPLE_RATE)
    const likely = Math.max(window, file.byteLength * BYTES_PER_BYTE)
    const task = { do: 'hear', ...this.#input(file), ...asked } as const
    const sizeOf = ({ mel }: HeardSound) => mel.byteLength
    return await this.#load(task, Math.min(maxWindows * window, likely), sizeOf, signal)
  }

  /** Again is harmless. */
  release(sound: LoadedSound | LoadedWindows): void {
    this.#claims.get(sound)?.release()
  }

  stats(): SoundStats {
    const { workers, maxWaiting } = this.#options
    return {
      workers,
      maxWaiting,
      running: this.#gate.inside,
      waiting: this.#gate.waiting,
      bytesInUse: this.#budget.inUse,
      maxBytesInUse: this.#budget.max,
      decoded: this.#decoded,
      seconds: this.#seconds,
      failed: this.#failed,
    }
  }

  async dispose(): Promise<void> {
    this.#gate.close()
    await Promise.all([...this.#threads].map((thread) => stop(thread)))
  }

  #input({ path, param }: SoundFile) {
    return { path, param, maxSeconds: this.#options.maxSeconds }
  }

  async #load<Decoded extends DecodedSound | HeardSound>(
    task: SoundTask,
    bytes: number,
    sizeOf: (decoded: Decoded) => number,
    signal: AbortSignal,
  ): Promise<Decoded & { readonly decodeMs: number }> {
    const pass = await this.#gate.enter({ bytes, mayExceed: false, signal })
    const start = performance.now()
    try {
      // Each task has its own kind of answer.
      const decoded = (await traced('decode', { 'aerie.part': task.param }, async (span) => {
        const sound = await this.#decode(task, signal)
        span.set({ 'aerie.seconds': sound.seconds })
        return sound
      })) as Decoded
      const loaded = { ...decoded, decodeMs: performance.now() - start }
      pass.claim.hold(sizeOf(decoded))
      this.#claims.set(loaded, pass.claim)
      this.#decoded += 1
      this.#seconds += decoded.seconds
      return loaded
    } catch (error) {
      this.#failed += 1
      pass.claim.release()
      throw error
    } finally {
      pass.leave()
    }
  }

  async #decode(task: SoundTask, signal: AbortSignal): Promise<DecodedSound | HeardSound> {
    const { timeoutMs, ffmpegPath: ffmpeg, searchPath, maxFfmpegBytes } = this.#options
    const { param } = task
    const thread = new Worker(ENTRY, {
      name: 'sound',
      workerData: task,
      env: ffmpegEnvironment({ ffmpeg, searchPath, maxFfmpegBytes, timeoutMs }),
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    this.#threads.add(thread)
    const { promise, resolve, reject } = Promise.withResolvers<DecodedSound | HeardSound>()
    thread.once('message', (message: FromSoundThread) => {
      if (message.type === 'decoded') return resolve(message.decoded)
      const error = fromWireError(message.error)
      if (message.words !== undefined) error.cause = new ProgramWords(message.words)
      reject(error)
    })
    thread.once('error', reject)
    thread.once('exit', () => {
      this.#threads.delete(thread)
      reject(new AerieError('shutting_down', 'the server takes no more sounds'))
    })
    const abort = () => reject(cancelled())
    signal.addEventListener('abort', abort, { once: true })
    const tooSlow = setTimeout(() => {
      const what = `the sound takes longer than ${timeoutMs} ms to decode (soundTimeoutMs)`
      reject(new AerieError('media_too_large', `${param}: ${what}`, { param }))
    }, timeoutMs)
    if (signal.aborted) abort()
    try {
      return await promise
    } finally {
      clearTimeout(tooSlow)
      signal.removeEventListener('abort', abort)
      // Only when it has gone is its place free.
      await stop(thread)
    }
  }
}

/** Of a spectrogram. */
function bytesOf(bins: number, seconds: number): number {
  return Math.ceil(seconds * 100) * bins * Float32Array.BYTES_PER_ELEMENT
}

/** Tells the thread to stop, so that it can end ffmpeg, and waits for its end. */
async function stop(thread: Worker): Promise<void> {
  if (thread.threadId === -1) return
  const gone = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
  thread.postMessage('abort')
  const force = setTimeout(() => void thread.terminate(), PATIENCE_MS)
  await gone
  clearTimeout(force)
}
