/**
 * The only file that starts ffmpeg and ffprobe, in processes and threads whose environment is `ffmpegEnvironment`. ffmpeg goes through
 * fluent-ffmpeg; ffprobe does not, since that library gathers whatever ffprobe prints, without a bound and without a way to stop it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { PassThrough, type Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import ffmpeg, { type FfmpegCommand } from 'fluent-ffmpeg'
import { cancelled } from '../gate.ts'
import { FfmpegFailure } from './failure.ts'

const BOUNDED = fileURLToPath(new URL('bounded.sh', import.meta.url))
ffmpeg.setFfmpegPath(BOUNDED)

const STDERR_LINES = 20
const MAX_STDERR = 4000
const MAX_LINE = 1000
/** A complaint without an end; ffmpeg's own are below a kilobyte. */
const MAX_COMPLAINT = 2 ** 16
/** Exit codes by which a shell says that it cannot run a program. */
const NOT_RUN = new Set([126, 127])

/** What is written to pipes; every ffmpeg has these. */
const RAW_OUTPUTS = Object.fromEntries(
  ['rawvideo', 's16le', 'null'].map((name) => [
    name,
    { description: 'raw', canMux: true, canDemux: false },
  ]),
)

/** Options that every opening of a client's file gets, of ffmpeg and ffprobe alike. `formats`: names of demuxers. */
export function safeInput(formats: string): string[] {
  return ['-protocol_whitelist', 'file,pipe', '-format_whitelist', formats]
}

/** `file:` keeps a path from being read as a protocol or an option. */
export function addressOf(path: string): string {
  return `file:${path}`
}

/** For inputs and outputs to be added to. Options and formats are checked by ffmpeg alone. */
export function newCommand(): FfmpegCommand {
  const command = ffmpeg({ stdoutLines: STDERR_LINES })
  // Before its first run the library asks ffmpeg for its formats and encoders, each by a start of it, to check what is known here.
  // It says "no error" by null, which its types do not know.
  const none = null as unknown as Error
  command.availableFormats = (done) => done(none, RAW_OUTPUTS)
  command.availableEncoders = (done) => done(none, {})
  return command
}

/**
 * Runs a command and yields what it writes, piece by piece; it waits while a piece is worked on. Whoever stops reading stops it. Throws
 * `cancelled`, or `FfmpegFailure` after the last piece.
 */
export async function* outputOf(
  command: FfmpegCommand,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  if (signal.aborted) throw cancelled()
  // The library takes a closed stream for a reader who has left, and kills ffmpeg if that does not end at once by itself.
  const out = new PassThrough({ emitClose: false })
  const ended = commandEnd(command)
  let hasStarted = false
  // What is read fails before this is awaited; and nobody else ends what nothing is written to.
  ended.catch(() => hasStarted || out.end())
  const stop = () => command.kill('SIGKILL')
  let complains = false
  command.on('start', () => {
    hasStarted = true
    onEndlessLine(command, () => {
      complains = true
      stop()
    })
    // Before it is started there is nothing to kill.
    if (signal.aborted) stop()
  })
  signal.addEventListener('abort', stop, { once: true })
  try {
    command.pipe(out, { end: true })
    yield* out as AsyncIterable<Buffer>
    await ended
  } catch (error) {
    if (signal.aborted) throw cancelled()
    if (complains) throw new FfmpegFailure('stopped', 'complains without an end')
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** fluent-ffmpeg's events as a promise. It takes the end of ffmpeg for its own only when both pipes are closed. */
function commandEnd(command: FfmpegCommand): Promise<void> {
  return new Promise((resolve, reject) => {
    command.on('end', () => resolve())
    command.on('error', (error: Error, _stdout: unknown, stderr: unknown) => {
      const [, code] = /exited with code (\d+)/.exec(error.message) ?? []
      const isMissing = NOT_RUN.has(Number(code))
      const said = typeof stderr === 'string' ? stderr.slice(-MAX_STDERR) : ''
      reject(new FfmpegFailure(error.message, said, { isMissing }))
    })
  })
}

/** The library keeps a few lines of what ffmpeg complains, and lines have no bound there. */
function onEndlessLine(command: FfmpegCommand, tell: () => void): void {
  const { ffmpegProc } = command as FfmpegCommand & { readonly ffmpegProc: ChildProcess }
  let length = 0
  ffmpegProc.stderr!.on('data', (text: string) => {
    const end = text.lastIndexOf('\n')
    length = end < 0 ? length + text.length : text.length - end - 1
    if (length > MAX_COMPLAINT) tell()
  })
}

/** Starts ffprobe. */
export function startProbe(args: readonly string[]): ChildProcess {
  return spawnBounded(['--ffprobe', ...args])
}

/** What ffmpeg prints about itself. Throws `cancelled` or `FfmpegFailure`. */
export async function aboutFfmpeg(
  args: readonly string[],
  maxBytes: number,
  signal: AbortSignal,
): Promise<string> {
  return (await printedBy(spawnBounded(args), maxBytes, signal)).stdout
}

function spawnBounded(args: readonly string[]): ChildProcess {
  return spawn(BOUNDED, args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** All that a program prints. Throws `cancelled` or `FfmpegFailure`, also where that is more than `maxBytes`. */
export async function printedBy(
  child: ChildProcess,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const ended = endOf(child, signal)
  ended.catch(() => {})
  let stdout = ''
  for await (const piece of child.stdout as Readable) {
    stdout += piece
    if (stdout.length > maxBytes) {
      child.kill('SIGKILL')
      throw new FfmpegFailure('stopped', 'prints more than there can be to say')
    }
  }
  return { stdout, stderr: await ended }
}

/** The lines that a program prints, as they come. Whoever stops reading stops it. Throws as `printedBy`. */
export async function* linesOf(child: ChildProcess, signal: AbortSignal): AsyncGenerator<string> {
  const ended = endOf(child, signal)
  // Whoever stops reading hears of no failure.
  ended.catch(() => {})
  let rest = ''
  try {
    for await (const piece of child.stdout as Readable) {
      const lines = (rest + piece).split('\n')
      rest = lines.pop()!
      if (rest.length > MAX_LINE) throw new Error('ffprobe prints a line without an end')
      yield* lines
    }
    await ended
  } finally {
    child.kill('SIGKILL')
  }
}

/** Resolves with the end of what it said on standard error. */
function endOf(child: ChildProcess, signal: AbortSignal): Promise<string> {
  const stop = () => child.kill('SIGKILL')
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  let stderr = ''
  child.stderr!.on('data', (piece) => {
    stderr = (stderr + piece).slice(-MAX_STDERR)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killedBy) => {
      signal.removeEventListener('abort', stop)
      if (signal.aborted) reject(cancelled())
      else if (code === 0) resolve(stderr)
      else {
        const isMissing = code !== null && NOT_RUN.has(code)
        reject(new FfmpegFailure(`ended with ${killedBy ?? code}`, stderr, { isMissing }))
      }
    })
  })
}
