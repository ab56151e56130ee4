/** An engine in a process of its own: started, asked, and killed when it does not answer in time. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { type Loaded, type Measure, measureName, type Ran, type Said } from './jobs.ts'

/** An engine that cannot be measured any further. The message names it and says why. */
export class EngineFailure extends Error {
  override readonly name = 'EngineFailure'
}

export interface EngineProgram {
  /** For messages. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

/** Of what a process said on standard error, the end is kept. */
const KEPT_STDERR = 4096

export class EngineProcess implements AsyncDisposable {
  readonly name: string
  readonly #child: ChildProcess
  readonly #ended: Promise<string>
  readonly #lines: AsyncIterator<string>
  #stderr = ''

  private constructor(program: EngineProgram) {
    this.name = program.name
    const child = spawn(program.command, program.args, { stdio: 'pipe' })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR)
    })
    // Told by the end of the process; what a dead one was asked is nobody's error.
    child.stdin.on('error', () => undefined)
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('close', (code, signal) =>
        resolve(`ended with ${signal ?? `exit code ${code}`}${lastLine(this.#stderr)}`),
      )
    })
  }

  /** Waits until it has loaded its model. Rejects with EngineFailure. */
  static async start(
    program: EngineProgram,
    limitMs: number,
  ): Promise<{ readonly process: EngineProcess; readonly loaded: Loaded }> {
    const started = new EngineProcess(program)
    const loaded = await started.#next('loading', limitMs)
    if (loaded.type !== 'loaded') throw started.#failed('ran before it was asked to')
    return { process: started, loaded }
  }

  /** Rejects with EngineFailure, and the process is gone, when there is no answer within the limit. */
  async run(measure: Measure, limitMs: number): Promise<Ran> {
    this.#child.stdin!.write(`${JSON.stringify(measure)}\n`)
    const ran = await this.#next(measureName(measure), limitMs)
    if (ran.type !== 'ran' || !(ran.seconds > 0))
      throw this.#failed(`${measureName(measure)}: answered ${JSON.stringify(ran)}`)
    return ran
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  async #next(what: string, limitMs: number): Promise<Said> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(this.#failed(`${what}: no answer within ${limitMs / 1000} s, killed`)),
        limitMs,
      )
    })
    try {
      const line = await Promise.race([this.#lines.next(), late])
      if (line.done) throw this.#failed(`${what}: ${await this.#ended}`)
      return JSON.parse(line.value) as Said
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      throw this.#failed(`${what}: said what is no JSON: ${error.message}`)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Whatever went wrong, it is not asked again. */
  #failed(reason: string): EngineFailure {
    this.#child.kill('SIGKILL')
    return new EngineFailure(`${this.name}: ${reason}`)
  }
}

/** Runs a program to its end. Rejects with EngineFailure when it fails, or is not done within the limit and killed. */
export async function runToEnd(program: EngineProgram, limitMs: number): Promise<string> {
  const child = spawn(program.command, program.args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [said, complained] = [collect(child.stdout), collect(child.stderr)]
  const end = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      resolve(`not done within ${limitMs / 1000} s, killed`)
    }, limitMs)
    const settle = (reason: string | undefined) => {
      clearTimeout(timer)
      resolve(reason)
    }
    child.once('error', (error) => settle(error.message))
    child.once('close', (code, signal) =>
      settle(
        code === 0
          ? undefined
          : `ended with ${signal ?? `exit code ${code}`}${lastLine(complained())}`,
      ),
    )
  })
  if (end !== undefined) throw new EngineFailure(`${program.name}: ${end}`)
  return said()
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = ''
  stream.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-KEPT_STDERR)
  })
  return () => text
}

function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1)
  return line ? `: ${line}` : ''
}
