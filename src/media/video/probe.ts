/** A file → what kind of clip it is, by ffprobe; refused where it is none or beyond the limits. */
import { open } from 'node:fs/promises'
import { AerieError, type ErrorCode } from '../../errors.ts'
import { pictureName, sniff, withArticle } from '../sniff.ts'
import type { ClipFacts } from './clip-protocol.ts'
import type { ClipHeader, ClipLimits } from './contract.ts'
import { type ClipInput, findTools, probeJson } from './ffmpeg.ts'
import { firstFrameTime, scanPackets } from './packets.ts'

/** The part of ffprobe's JSON that is asked for. Numbers come as text, and what a container does not say is left out. */
interface Facts {
  readonly format?: {
    readonly format_name?: string
    readonly start_time?: string
    readonly duration?: string
  }
  readonly streams?: readonly StreamFacts[]
}

interface StreamFacts {
  readonly index: number
  readonly codec_type?: string
  readonly codec_name?: string
  readonly width?: number
  readonly height?: number
  readonly pix_fmt?: string
  readonly sample_aspect_ratio?: string
  readonly field_order?: string
  readonly color_transfer?: string
  readonly color_primaries?: string
  readonly color_space?: string
  readonly avg_frame_rate?: string
  readonly r_frame_rate?: string
  readonly start_time?: string
  readonly duration?: string
  readonly nb_frames?: string
  readonly disposition?: Readonly<Record<string, number>>
  readonly tags?: Readonly<Record<string, string>>
  readonly side_data_list?: readonly { readonly rotation?: number }[]
}

const ENTRIES = [
  'format=format_name,start_time,duration',
  'stream=index,codec_type,codec_name,width,height,pix_fmt,sample_aspect_ratio,field_order,color_transfer,color_primaries,color_space,avg_frame_rate,r_frame_rate,start_time,duration,nb_frames',
  'stream_disposition=attached_pic,timed_thumbnails',
  'stream_tags=rotate,DURATION,alpha_mode',
  'stream_side_data=rotation',
].join(':')

/** A faster one is a container's clock, not a camera's. */
const MAX_RATE = 300
/** Its duration is guessed from its last packets that bear a time, and many do not. */
const GUESSES_DURATION = 'mpeg'
/** Sound that begins earlier by less than this is padding of its codec, and the clip begins with its picture. */
const LATE_PICTURE = 0.5

const INTERLACED = new Set(['tt', 'bb', 'tb', 'bt'])
const HDR: Readonly<Record<string, string>> = { smpte2084: 'PQ', 'arib-std-b67': 'HLG' }
/** Decoders that see alpha, of codecs whose pictures do not tell it. */
const VPX: Readonly<Record<string, string>> = { vp8: 'libvpx', vp9: 'libvpx-vp9' }
const ALPHA = /^(yuva|rgba|bgra|argb|abgr|gbrap|ya8|ya16|pal8|rgba64|bgra64)/

/** Throws `invalid_media`, `unsupported_media` or `media_too_large`. */
export async function probe(
  input: ClipInput,
  limits: ClipLimits,
  signal: AbortSignal,
): Promise<{ readonly header: ClipHeader; readonly facts: ClipFacts }> {
  const { param } = input
  const refuse = (why: string, code: ErrorCode = 'invalid_media'): never => {
    throw new AerieError(code, `${param}: ${why}`, { param })
  }
  await refusePictures(input.path, refuse)
  const { hasToneMapping, hasVpx } = await findTools(param, signal)
  // Of a program of ours, whose output has the shape that its options ask for.
  const { json, tooLarge } = await probeJson(input, ENTRIES, signal)
  const { format = {}, streams = [] } = json as Facts
  const stream = streams.find(isMoving)
  if (!stream) return refuse(nothingMoves(streams))
  const size = uprightSize(stream)
  const { width, height, turn, isStretched } = size
  if (!(width > 0 && height > 0)) {
    if (tooLarge === undefined) return refuse('clip says no size of its frames, or is damaged')
    return refuse(
      `clip is ${tooLarge}, maxVideoPixels is ${limits.maxVideoPixels}`,
      'media_too_large',
    )
  }
  if (width * height > limits.maxVideoPixels) {
    const most = `maxVideoPixels is ${limits.maxVideoPixels}`
    return refuse(
      `clip is ${width}×${height} = ${width * height} pixels, ${most}`,
      'media_too_large',
    )
  }
  if (stream.codec_name === undefined || stream.codec_name === 'unknown') {
    return refuse('clip is of a codec that is not known here', 'unsupported_media')
  }
  const time = await timeOf(input, format, stream, signal)
  if (!time) return refuse('clip has no frames')
  if (time.duration > limits.maxVideoSeconds) {
    const most = `maxVideoSeconds is ${limits.maxVideoSeconds}`
    return refuse(`clip is ${time.duration.toFixed(1)} s long, ${most}`, 'media_too_large')
  }
  const isInterlaced = INTERLACED.has(stream.field_order ?? '')
  const curve = HDR[stream.color_transfer ?? '']
  // WebM has alpha beside the pictures, and the usual decoders pass it by.
  const vpx = stream.tags?.['alpha_mode'] === '1' ? VPX[stream.codec_name] : undefined
  const decoder = hasVpx ? vpx : undefined
  const hasAlpha = ALPHA.test(stream.pix_fmt ?? '') || decoder !== undefined
  const conversions = [
    turn !== 0 && `turned by ${turn}°`,
    isInterlaced && 'deinterlaced',
    curve &&
      (hasToneMapping
        ? `HDR (${curve}) → SDR`
        : `HDR (${curve}) read as SDR: this ffmpeg has no zscale`),
    isStretched && `pixels ${stream.sample_aspect_ratio} made square`,
    hasAlpha && 'alpha on white',
    vpx && !decoder && 'alpha passed by: this ffmpeg has no libvpx',
  ].filter((step) => typeof step === 'string')
  const { fps, duration, origin } = time
  const facts: ClipFacts = {
    ...{ stream: stream.index, origin, format: format.format_name ?? 'unknown', fps, duration },
    ...{ width, height, isInterlaced, hasAlpha },
    ...(decoder && { decoder }),
    ...(curve &&
      hasToneMapping && {
        hdr: {
          transfer: stream.color_transfer!,
          primaries: known(stream.color_primaries) ?? 'bt2020',
          matrix: known(stream.color_space) ?? 'bt2020nc',
        },
      }),
  }
  const header: ClipHeader = {
    ...{ format: facts.format, codec: stream.codec_name, width, height, duration, fps },
    frames: time.frames,
    hasSound: streams.some(({ codec_type }) => codec_type === 'audio'),
    conversions,
  }
  return { header, facts }
}

/** Pictures have a part of their own in a request, and AVIF would pass for a clip. GIFs are both. */
async function refusePictures(path: string, refuse: (why: string) => never): Promise<void> {
  const head = Buffer.alloc(4096)
  await using file = await open(path)
  const { bytesRead } = await file.read(head, 0, head.length, 0)
  if (bytesRead === 0) refuse('clip is empty')
  const found = sniff(head.subarray(0, bytesRead))
  if (found.is === 'picture' && found.format !== 'gif') {
    refuse(`data is ${pictureName(found.format)}, not a clip; send it as a picture`)
  }
  if (found.is === 'unsupported') refuse(`data is ${withArticle(found.name)} picture, not a clip`)
  const isNone = found.is === 'other' && /document|page|archive/.test(found.name)
  if (isNone || (found.is === 'sound' && /WAVE/.test(found.name))) {
    refuse(`data is ${found.name}, not a clip`)
  }
}

const isMoving = ({ codec_type, disposition }: StreamFacts) =>
  codec_type === 'video' && !disposition?.['attached_pic'] && !disposition?.['timed_thumbnails']

function nothingMoves(streams: readonly StreamFacts[]): string {
  const hasCover = streams.some(({ codec_type }) => codec_type === 'video')
  const hasSound = streams.some(({ codec_type }) => codec_type === 'audio')
  if (hasSound) return `clip has sound${hasCover ? ' and a cover picture' : ''} and no video`
  return hasCover ? 'clip has a cover picture and no video' : 'clip has no video'
}

/** Size as a player shows it. */
function uprightSize({
  width = 0,
  height = 0,
  sample_aspect_ratio,
  side_data_list,
  tags,
}: StreamFacts) {
  const [over, under] = ratio(sample_aspect_ratio, ':')
  const isStretched = over > 0 && under > 0 && over !== under
  const square = isStretched ? Math.max(1, Math.round((width * over) / under)) : width
  const rotation = side_data_list?.find((data) => data.rotation !== undefined)?.rotation
  const angle = rotation === undefined ? Number(tags?.['rotate'] ?? 0) : -rotation
  const turn = (((Math.round(angle / 90) * 90) % 360) + 360) % 360 || 0
  const isLying = turn === 90 || turn === 270
  return isLying
    ? { width: height, height: square, turn, isStretched }
    : { width: square, height, turn, isStretched }
}

/** When the clip begins, how long it is and how fast; undefined where it has no frames. */
async function timeOf(
  input: ClipInput,
  format: NonNullable<Facts['format']>,
  stream: StreamFacts,
  signal: AbortSignal,
): Promise<{ origin: number; duration: number; fps: number; frames: number } | undefined> {
  const begins = Number(format.start_time ?? Number.NaN)
  const isAvi = format.format_name === 'avi'
  const decoded = isAvi ? await firstFrameTime(input, stream.index, signal) : undefined
  const shows = decoded ?? Number(stream.start_time ?? Number.NaN)
  const lasts =
    Number(stream.duration ?? Number.NaN) || clock(stream.tags?.['DURATION']) - (shows || 0)
  const whole = Number(format.duration ?? Number.NaN)
  const fps = [stream.avg_frame_rate, stream.r_frame_rate]
    .map((rate) => ratio(rate, '/'))
    .map(([over, under]) => over / under)
    .find((rate) => rate > 0 && rate <= MAX_RATE)
  const originOf = (first: number) => (first - begins > LATE_PICTURE ? begins : first)
  const duration = lasts > 0 ? lasts : whole
  const isGuess = format.format_name === GUESSES_DURATION
  if (fps !== undefined && duration > 0 && Number.isFinite(shows) && !isGuess) {
    const origin = originOf(shows)
    const frames = Number(stream.nb_frames) || Math.max(1, Math.round(duration * fps))
    const late = lasts > 0 && !isAvi ? shows - origin : 0
    return { origin, duration: duration + late, fps, frames }
  }
  const scan = await scanPackets(input, stream.index, signal)
  if (!scan) return undefined
  const origin = originOf(scan.first)
  const seconds = scan.end - scan.first
  const rate = seconds > 0 ? scan.packets / seconds : (fps ?? 1)
  // A single picture is shown for no time that anyone knows.
  return { origin, duration: scan.end - origin || 1 / rate, fps: rate, frames: scan.packets }
}

/** `00:00:10.500000000` in seconds. */
function clock(text = ''): number {
  const [, hours, minutes, seconds] = /^(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(text) ?? []
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
}

function ratio(text = '', separator: string): [number, number] {
  const [over, under] = text.split(separator).map(Number)
  return [over ?? 0, under ?? 0]
}

const known = (name?: string) => (name === 'unknown' || name === 'reserved' ? undefined : name)
