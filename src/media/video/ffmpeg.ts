/** What ffmpeg and ffprobe are asked about clips, in decoder processes; `../ffmpeg/run.ts` starts them. */
import { AerieError } from '../../errors.ts'
import { explained, FfmpegFailure, type Reason } from '../ffmpeg/failure.ts'
import {
  aboutFfmpeg,
  addressOf,
  linesOf,
  newCommand,
  outputOf,
  printedBy,
  safeInput,
  startProbe,
} from '../ffmpeg/run.ts'

/** Containers that are one file. None here reads playlists, other files or the network. */
const CONTAINERS = 'mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,ivf'

const MAX_STREAMS = 64
/** One allocation of ffmpeg's; a frame of the largest sizes takes a fraction. */
const MAX_ALLOCATION = 512 * 2 ** 20
/** Facts about a clip and its streams; hostile tags are not asked for. */
const MAX_FACTS = 2 ** 20

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

function clipInput({ maxPixels }: ClipInput): string[] {
  const bounds = ['-max_streams', `${MAX_STREAMS}`, '-max_pixels', `${maxPixels}`]
  return [...safeInput(CONTAINERS), ...bounds]
}

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
    if (!(error instanceof FfmpegFailure)) throw error
    const message = `${param}: clips need ffmpeg 4.4 or newer, which this server does not find (Debian, Ubuntu: apt-get install ffmpeg; see \`aerie doctor\`)`
    throw new AerieError('unsupported_media', message, { param, cause: error })
  }
}

async function lookAtTools(signal: AbortSignal): Promise<Tools> {
  await printedBy(startProbe(['-version']), MAX_FACTS, signal)
  const version = await aboutFfmpeg(['-version'], MAX_FACTS, signal)
  const filters = await aboutFfmpeg(['-v', 'error', '-filters'], MAX_FACTS, signal)
  const decoders = await aboutFfmpeg(['-v', 'error', '-decoders'], MAX_FACTS, signal)
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
  const options = ['-v', 'error', ...clipInput(input), '-of', 'json', '-show_entries', entries]
  const child = startProbe([...options, addressOf(input.path)])
  return await described(input, async () => {
    const { stdout, stderr } = await printedBy(child, MAX_FACTS, signal)
    return { json: JSON.parse(stdout), tooLarge: tooLargeIn(stderr) }
  })
}

/** The lines that ffprobe prints, as they come: `options` say of what. Whoever stops reading stops ffprobe. */
export async function* probeLines(
  input: ClipInput,
  options: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  const all = ['-v', 'error', ...clipInput(input), ...options, addressOf(input.path)]
  try {
    yield* linesOf(startProbe(all), signal)
  } catch (error) {
    throw describe(input, error)
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
  const command = newCommand()
  for (const { seek } of run.inputs) {
    command.input(addressOf(input.path)).inputOptions([
      ...clipInput(input),
      ...(run.decoder === undefined ? [] : ['-c:v', run.decoder]),
      ...['-threads', '1', '-an', '-sn', '-dn', '-copyts'],
      // Decoding starts at the keyframe, and what is before the time asked for is seen by the filters as well.
      ...['-noaccurate_seek', '-seek_timestamp', '1'],
      ...(seek === undefined ? [] : ['-ss', seek.toFixed(6)]),
    ])
  }
  command
    .complexFilter(run.graph, 'out')
    .outputOptions(['-nostdin', '-v', 'error', '-filter_complex_threads', '1', ...passthrough])
    // However much of it is damaged.
    .outputOptions(['-max_error_rate', '1'])
    .outputOptions(['-max_alloc', `${MAX_ALLOCATION}`, '-f', run.onBytes ? 'rawvideo' : 'null'])
    .on('stderr', run.onLine)
  await described(input, async () => {
    for await (const piece of outputOf(command, signal)) run.onBytes?.(piece)
  })
}

/** What ffmpeg says of clips → what the client is told. */
const REASONS: readonly Reason[] = [
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
  try {
    return await work()
  } catch (cause) {
    throw describe(input, cause)
  }
}

function describe({ param, maxPixels }: ClipInput, cause: unknown): unknown {
  const size = cause instanceof FfmpegFailure ? tooLargeIn(cause.stderr) : undefined
  if (size !== undefined) {
    const message = `${param}: clip is ${size}, maxVideoPixels is ${maxPixels}`
    return new AerieError('media_too_large', message, { param, cause })
  }
  return explained(cause, {
    ...{ param, subject: 'clip', reasons: REASONS, otherwise: 'clip cannot be decoded' },
    ...{ memoryKey: 'videoMemoryBytes', timeoutKey: 'videoTimeoutMs' },
  })
}
