/** One decoder process: started, spoken to, killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { CHANNEL_FD } from './decoder-protocol.ts'
import { type Frame, FrameReader, writeFrame } from './frames.ts'

/** Where sources without types are kept, none of these processes brings the compiler for them along. */
const STRIPPED_TYPES = new URL('../../bin/stripped-types.js', import.meta.url).href

const MAX_STDERR = 2000

export interface ProcessOptions {
  /** The file that it runs. */
  readonly program: URL
  /** All of its environment: what reads hostile bytes has no business with the server's keys. */
  readonly env?: Readonly<Record<string, string>>
  /** It starts programs of its own, which are to be killed with it: they share a process group. */
  readonly hasChildren?: boolean
  /** Bytes that an answer may have; what claims more is not believed. */
  readonly maxBodyBytes: number
  /** Heap of JavaScript. Pixels and files live outside it, a data URI that must be cleaned of white space inside. */
  readonly heapMb: number
}

export interface DecoderEvents {
  ready(): void
  frame(frame: Frame): void
  /** The process has ended, by itself or not. */
  exit(end: DecoderExit): void
}

export interface DecoderExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The end of what it wrote on standard error. */
  readonly stderr: string
}

export class DecoderProcess {
  readonly #child: ChildProcess
  readonly #channel: Duplex
  readonly #hasChildren: boolean
  #stderr = ''

  /** Starts the process. */
  constructor(events: DecoderEvents, options: ProcessOptions) {
    const { program, env = {}, hasChildren = false } = options
    this.#hasChildren = hasChildren
    // One malloc arena: decoding allocates and frees a few huge buffers, which arenas would each keep.
    // A small nursery: hardly anything lives in the heap, and a large one would fill up with garbage all the same.
    const heap = [`--max-old-space-size=${options.heapMb}`, '--max-semi-space-size=2']
    this.#child = spawn(
      process.execPath,
      [...heap, '--import', STRIPPED_TYPES, fileURLToPath(program)],
      {
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
        env: { MALLOC_ARENA_MAX: '1', ...env },
        detached: hasChildren,
      },
    )
    // Its children must not outlive it, however it came to its end.
    if (hasChildren) this.#child.on('exit', () => this.kill())
    this.#channel = this.#child.stdio[CHANNEL_FD] as Duplex
    const reader = new FrameReader(options)
    let isReady = false
    this.#channel.on('data', (piece: Buffer) => {
      try {
        for (const frame of reader.push(piece)) {
          if (isReady) events.frame(frame)
          else events.ready()
          isReady = true
        }
      } catch (error) {
        // It speaks no frames any more, so nothing it says can be believed.
        this.#stderr += `\n${error}`
        this.kill()
      }
    })
    // EPIPE when it dies while being written to; 'exit' tells the story.
    this.#channel.on('error', (error) => this.#keep(String(error)))
    this.#child.stderr?.on('data', (text: Buffer) => this.#keep(text.toString()))
    this.#child.on('error', (error) => this.#keep(String(error)))
    this.#child.on('close', (code, signal) => events.exit({ code, signal, stderr: this.#stderr }))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  send(head: object, body?: Uint8Array | string): void {
    writeFrame(this.#channel, head, body)
  }

  /** At once and whatever native code is doing. */
  kill(): void {
    if (this.#hasChildren && this.pid !== undefined) killGroup(this.pid)
    else this.#child.kill('SIGKILL')
  }

  #keep(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-MAX_STDERR)
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch (error) {
    // Nobody of it is left.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
