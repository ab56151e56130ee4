/**
 * The only file that starts ffmpeg and ffprobe, in decoder processes of clips. ffmpeg goes through fluent-ffmpeg; ffprobe does not, since
 * that library gathers whatever ffprobe prints, without a bound and without a way to stop it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { PassThrough, type Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import ffmpeg, { type FfmpegCommand } from 'fluent-ffmpeg'
import { AerieError } from '../../errors.ts'
import { cancelled } from '../gate.ts'

const BOUNDED = fileURLToPath(new URL('bounded.sh', import.meta.url))
ffmpeg.setFfmpegPath(BOUNDED)

/** Containers that are one file. None here reads playlists, other files or the network. */
const CONTAINERS = 'mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,ivf'

const MAX_STREAMS = 64
/** One allocation of ffmpeg's; a frame of the largest sizes takes a fraction. */
const MAX_ALLOCATION = 512 * 2 ** 20
const MAX_STDERR = 4000
/** Facts about a clip and its streams; hostile tags are not asked for. */
const MAX_FACTS = 2 ** 20
const MAX_LINE = 1000

/** A file and how much a picture in it may have. */
export interface ClipInput {
  readonly path: string
  readonly maxPixels: number
  readonly param: string
}

/** One opening of the file within a run of ffmpeg. */
export interface InputRun {
  /** Seconds, in the file's own time; absent: from where the file begins. */
  readonly seek?: number
}

/** Options that every opening of a client's file gets, of ffmpeg and ffprobe alike. */
function safeInput({ maxPixels }: ClipInput): string[] {
  return [
    ...['-protocol_whitelist', 'file,pipe', '-format_whitelist', CONTAINERS],
    ...['-max_streams', `${MAX_STREAMS}`, '-max_pixels', `${maxPixels}`],
  ]
}

/** `file:` keeps a path from being read as a protocol or an option. */
const addressOf = ({ path }: ClipInput) => `file:${path}`

/** Whether frames go out as they come, in the words of this version of ffmpeg. */
type Passthrough = readonly [option: string, value: string]

interface Tools {
  readonly passthrough: Passthrough
  /** Filters that come with libraries that not every build has. */
  readonly hasToneMapping: boolean
  /** libvpx, which decodes the alpha of VP8 and VP9, as ffmpeg's own decoders do not. */
  readonly hasVpx: boolean
}

let tools: Promise<Tools> | undefined

/** Looks once at what is installed. Throws `unsupported_media` where ffmpeg or ffprobe cannot be started. */
export async function findTools(param: string, signal: AbortSignal): Promise<Tools> {
  tools ??= lookAtTools(signal)
  try {
    return await tools
  } catch (error) {
    // Looked at again by the next clip: it may be installed meanwhile.
    tools = undefined
    if (!(error instanceof ToolFailure)) throw error
    const message = `${param}: clips need ffmpeg 4.4 or newer, which this server does not find (Debian, Ubuntu: apt-get install ffmpeg; see \`aerie doctor\`)`
    throw new AerieError('unsupported_media', message, { param, cause: error })
  }
}

async function lookAtTools(signal: AbortSignal): Promise<Tools> {
  await printed(start(['--ffprobe', '-version']), MAX_FACTS, signal)
  const { stdout: version } = await printed(start(['-version']), MAX_FACTS, signal)
  const { stdout: filters } = await printed(start(['-v', 'error', '-filters']), MAX_FACTS, signal)
  const { stdout: decoders } = await printed(start(['-v', 'error', '-decoders']), MAX_FACTS, signal)
  const [, major = '0', minor = '0'] = /^ffmpeg version n?(\d+)\.(\d+)/.exec(version) ?? []
  // A build from git has no number, and is new.
  const isOld = major !== '0' && Number(major) + Number(minor) / 100 < 5.01
  return {
    passthrough: isOld ? ['-vsync', 'passthrough'] : ['-fps_mode', 'passthrough'],
    hasVpx: /\slibvpx\s/.test(decoders) && /\slibvpx-vp9\s/.test(decoders),
    hasToneMapping: /\szscale\s/.test(filters) && /\stonemap\s/.test(filters),
  }
}

/**
 * What ffprobe prints about the file as JSON, for `entries` in its own notation; and the size of pictures that it left alone since they
 * have more than `maxPixels`.
 */
export async function probeJson(
  input: ClipInput,
  entries: string,
  signal: AbortSignal,
): Promise<{ readonly json: unknown; readonly tooLarge: string | undefined }> {
  const options = ['-v', 'error', ...safeInput(input), '-of', 'json', '-show_entries', entries]
  const child = start(['--ffprobe', ...options, addressOf(input)])
  return await described(input, async () => {
    const { stdout, stderr } = await printed(child, MAX_FACTS, signal)
    return { json: JSON.parse(stdout), tooLarge: tooLargeIn(stderr) }
  })
}

/** The lines that ffprobe prints, as they come: `options` say of what. Whoever stops reading stops ffprobe. */
export async function* probeLines(
  input: ClipInput,
  options: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  const child = start([
    '--ffprobe',
    '-v',
    'error',
    ...safeInput(input),
    ...options,
    addressOf(input),
  ])
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
    await described(input, () => ended)
  } finally {
    child.kill('SIGKILL')
  }
}

export interface FilterRun {
  readonly inputs: readonly InputRun[]
  /** Index of the stream in the file; every input is opened for it alone. */
  readonly stream: number
  /** ffmpeg's name of the decoder, where it is not to be the usual one of the codec. */
  readonly decoder?: string | undefined
  /** From `[0:…]`, `[1:…]`, … to `[out]`. */
  readonly graph: string
  /** Where the pictures go, as raw bytes; absent: nowhere. */
  readonly onBytes?: (piece: Uint8Array) => void
  readonly onLine: (line: string) => void
}

/**
 * Runs ffmpeg over one or more places of the file at once. `onBytes` holds up ffmpeg while it works. Resolves when ffmpeg has ended,
 * rightly or at a damaged place of the file; rejects with `cancelled`, or `media_too_large` when it ran into its bounds.
 */
export async function runFilters(
  input: ClipInput,
  run: FilterRun,
  signal: AbortSignal,
): Promise<void> {
  const { passthrough } = await findTools(input.param, signal)
  signal.throwIfAborted()
  const command = ffmpeg({ stdoutLines: 20 })
  for (const { seek } of run.inputs) {
    command.input(addressOf(input)).inputOptions([
      ...safeInput(input),
      ...(run.decoder === undefined ? [] : ['-c:v', run.decoder]),
      ...['-threads', '1', '-an', '-sn', '-dn', '-copyts'],
      // Decoding starts at the keyframe, and what is before the time asked for is seen by the filters as well.
      ...['-noaccurate_seek', '-seek_timestamp', '1'],
      ...(seek === undefined ? [] : ['-ss', seek.toFixed(6)]),
    ])
  }
  // The library takes a closed stream for a reader who has left, and kills ffmpeg if that does not end at once by itself.
  const out = new PassThrough({ emitClose: false })
  command
    .complexFilter(run.graph, 'out')
    .outputOptions(['-nostdin', '-v', 'error', '-filter_complex_threads', '1', ...passthrough])
    // However much of it is damaged.
    .outputOptions(['-max_error_rate', '1'])
    .outputOptions(['-max_alloc', `${MAX_ALLOCATION}`, '-f', run.onBytes ? 'rawvideo' : 'null'])
  const ended = commandEnd(command, run.onLine)
  // What is read fails before this is awaited.
  ended.catch(() => {})
  const stop = () => command.kill('SIGKILL')
  // Before it is started there is nothing to kill.
  command.on('start', () => signal.aborted && stop())
  signal.addEventListener('abort', stop, { once: true })
  try {
    command.pipe(out, { end: true })
    for await (const piece of out) run.onBytes?.(piece)
    await described(input, () => ended)
  } catch (error) {
    if (signal.aborted) throw cancelled()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** fluent-ffmpeg's events as a promise. It takes the end of ffmpeg for its own only when both pipes are closed. */
function commandEnd(command: FfmpegCommand, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    command.on('stderr', onLine)
    command.on('end', () => resolve())
    command.on('error', (error: Error, _stdout: unknown, stderr: unknown) =>
      reject(new ToolFailure(error.message, typeof stderr === 'string' ? stderr : '')),
    )
  })
}

/** ffmpeg or ffprobe ended badly; `stderr` is the end of what it said. */
class ToolFailure extends Error {
  readonly stderr: string
  constructor(end: string, stderr: string) {
    super(`${end}: ${stderr.trim().slice(-500)}`)
    this.stderr = stderr
  }
}

/** What ffmpeg said last, where it is behind an error of ours; undefined: it is not. */
export function lastWordsOf(error: unknown): string | undefined {
  if (error instanceof ToolFailure) return error.message
  return error instanceof Error && error.cause !== undefined ? lastWordsOf(error.cause) : undefined
}

function start(args: readonly string[]): ChildProcess {
  return spawn(BOUNDED, args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function printed(
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
      throw new ToolFailure('stopped', 'prints more than there can be to say')
    }
  }
  return { stdout, stderr: await ended }
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
      else reject(new ToolFailure(`ended with ${killedBy ?? code}`, stderr))
    })
  })
}

/** What ffmpeg says → what the client is told: first match wins. Its own words may hold paths and are kept for the log. */
const REASONS: readonly (readonly [
  pattern: RegExp,
  code: 'invalid_media' | 'media_too_large',
  why: string,
])[] = [
  [
    /cannot allocate memory|error splitting the argument list: cannot allocate/i,
    'media_too_large',
    'needs more memory to decode than videoMemoryBytes',
  ],
  [/SIG(SEGV|BUS|ABRT|ILL|FPE|TRAP)/, 'invalid_media', 'clip made ffmpeg crash'],
  [/SIGXCPU/, 'media_too_large', 'needs more processor time to decode than videoTimeoutMs'],
  [/moov atom not found/i, 'invalid_media', 'clip is cut short: it ends before its index (moov)'],
  [
    /not on whitelist/i,
    'invalid_media',
    'clip is of a container that is not read here; send MP4, MOV, WebM, MKV, AVI, MPEG, FLV, OGG or GIF. Playlists are refused, as they name other files',
  ],
  [
    /invalid data found|end of file|could not find codec|does not contain any stream/i,
    'invalid_media',
    'clip is damaged, cut short or of no known format',
  ],
]

/** `640×480`, where ffmpeg left a picture of that size alone. */
function tooLargeIn(stderr: string): string | undefined {
  const [, width, height] = /Picture size (\d+)x(\d+) exceeds/.exec(stderr) ?? []
  return width && `${width}×${height}`
}

/** Turns failures of ffmpeg into ours, with its last words as the cause. */
async function described<T>(input: ClipInput, work: () => Promise<T>): Promise<T> {
  const { param, maxPixels } = input
  try {
    return await work()
  } catch (cause) {
    if (!(cause instanceof ToolFailure)) throw cause
    const size = tooLargeIn(cause.stderr)
    if (size !== undefined) {
      const message = `${param}: clip is ${size}, maxVideoPixels is ${maxPixels}`
      throw new AerieError('media_too_large', message, { param, cause })
    }
    const said = cause.message + cause.stderr
    // By none of its own doing, nor of the clip's: the system was out of memory, say.
    if (/SIG(KILL|TERM|INT|HUP|PIPE)|stream closed/.test(cause.message)) throw cause
    const reason = REASONS.find(([pattern]) => pattern.test(said))
    const [, code, why] = reason ?? [undefined, 'invalid_media' as const, 'clip cannot be decoded']
    throw new AerieError(code, `${param}: ${why}`, { param, cause })
  }
}
