/** What the packets of a clip's video stream say; nothing is decoded. */
import type { ClipFacts } from './clip-protocol.ts'
import type { ClipWindow } from './contract.ts'
import { type ClipInput, probeLines } from './ffmpeg.ts'

/** All packets of a stream, in short. Seconds of the file's own time. */
export interface PacketScan {
  readonly packets: number
  readonly first: number
  /** When the last frame is no longer shown. */
  readonly end: number
}

/** More keyframes than this in one window are more than anyone can choose from: each frame of ten hours may be one. */
const MAX_KEYFRAMES = 1_000_000

/** Before a keyframe's own time its window may be searched: seeking goes by decoding time, which may lie earlier. */
const SEEK_MARGIN = 1

interface Packet {
  /** When it is shown; when it is decoded, where a container such as AVI knows nothing else. */
  readonly time: number
  readonly duration: number
  readonly isKey: boolean
}

async function* packetsOf(
  input: ClipInput,
  stream: number,
  interval: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Packet> {
  const options = [
    ...['-select_streams', `${stream}`, ...interval, '-of', 'csv=p=0'],
    ...['-show_entries', 'packet=pts_time,dts_time,duration_time,flags'],
  ]
  for await (const line of probeLines(input, options, signal)) {
    const [pts = '', dts = '', duration = '', flags = ''] = line.split(',')
    const time = Number.isNaN(Number(pts)) || pts === '' ? Number(dts) : Number(pts)
    if (flags === '' || Number.isNaN(time)) continue
    yield { time, duration: Number(duration) || 0, isKey: flags.startsWith('K') }
  }
}

/** Reads every packet; undefined where there are none. */
export async function scanPackets(
  input: ClipInput,
  stream: number,
  signal: AbortSignal,
): Promise<PacketScan | undefined> {
  let packets = 0
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  let lastDuration = 0
  for await (const { time, duration } of packetsOf(input, stream, [], signal)) {
    packets += 1
    first = Math.min(first, time)
    if (time < last) continue
    last = time
    lastDuration = duration
  }
  if (packets === 0) return undefined
  // A container without durations: the last frame is shown as long as the others on average.
  const average = packets > 1 ? (last - first) / (packets - 1) : 0
  return { packets, first, end: last + (lastDuration || average) }
}

/** Seconds of the clip at which its keyframes in the window are shown, in order. */
export async function findKeyframes(
  input: ClipInput,
  { stream, origin }: ClipFacts,
  window: ClipWindow,
  signal: AbortSignal,
): Promise<number[]> {
  const from = origin + window.start - SEEK_MARGIN
  const interval = `${from > origin ? from : ''}%${origin + window.end + SEEK_MARGIN}`
  const times = new Set<number>()
  for await (const packet of packetsOf(input, stream, ['-read_intervals', interval], signal)) {
    const time = packet.time - origin
    if (packet.isKey && time >= window.start && time <= window.end) times.add(time)
    if (times.size === MAX_KEYFRAMES) break
  }
  return [...times].sort((a, b) => a - b)
}

/** When the first frame is shown, decoded: AVI has no such times, and what its stream says is a frame early where frames were put in another order. */
export async function firstFrameTime(
  input: ClipInput,
  stream: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const options = [
    ...['-select_streams', `${stream}`, '-read_intervals', '%+#8', '-of', 'csv=p=0'],
    ...['-show_entries', 'frame=best_effort_timestamp_time'],
  ]
  for await (const line of probeLines(input, options, signal)) {
    const time = Number.parseFloat(line)
    if (!Number.isNaN(time)) return time
  }
  return undefined
}
