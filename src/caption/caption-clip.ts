/** One clip, from its bytes to its last caption. */
import { join } from 'node:path'
import { CommandFailure } from '../cli/command.ts'
import type { CaptionAnswer } from './caption-server.ts'
import { fileState, hashFile } from './content.ts'
import { type ClipEntry, ClipFailure, isUrl, type Span } from './job.ts'
import { askedOf, type FailurePlace, type FileState, type KnownState } from './ledger.ts'
import type { RunOptions } from './run.ts'
import { cutAtScenes, cutSegments, isSceneRule } from './segments.ts'
import type { Slots } from './slots.ts'
import { subtitlePath, writeSubtitles } from './subtitle-file.ts'
import type { Cue } from './subtitles.ts'
import { Upload } from './upload.ts'

export interface ClipRoom extends RunOptions {
  readonly slots: Slots
  /** What every line says of its making. */
  about(): object
}

/** A part of a clip in which scenes are looked for at a time. */
const PIECE_SECONDS = 30
/** A picture has no length; for so many seconds its caption stands. */
const PICTURE_SECONDS = 1

/**
 * Captions what is not captioned yet, and writes down what cannot be. Rejects only with what would fail every clip, or with the reason of
 * `stop` or `kill`.
 */
export async function captionClip(entry: ClipEntry, room: ClipRoom): Promise<void> {
  try {
    const part = await unfinishedPart(entry, room)
    if (part === undefined) return
    const takes = (isPicture: boolean) => requireModality(isPicture ? 'image' : 'video', room)
    await using upload = await Upload.open(room.server, entry.source, { ...room, takes })
    await captionSegments({ entry, upload, ...part }, room)
  } catch (error) {
    await writeDown(error, entry, {}, room)
  }
}

/** Throws what is no failure of the clip. */
async function writeDown(
  error: unknown,
  entry: ClipEntry,
  place: FailurePlace,
  room: ClipRoom,
): Promise<void> {
  if (!(error instanceof ClipFailure)) throw error
  // Ctrl-C in a terminal also reaches the programs that decode: what fails then may be a good clip, and is asked again.
  room.stop.throwIfAborted()
  await room.ledger.failed(entry, error, place, room.about())
}

/** Throws ClipFailure. */
function requireModality(modality: 'image' | 'video', { model }: ClipRoom): void {
  if (model.modalities.includes(modality)) return
  const what = modality === 'image' ? 'pictures' : 'videos'
  throw new ClipFailure('unsupported_media', `${model.id} reads no ${what}`)
}

interface Unfinished {
  readonly file: FileState | undefined
  readonly captioned: ReadonlyMap<number, Cue>
  readonly failed: ReadonlySet<number>
  /** As many as there were when it was begun; undefined for one that is new. */
  readonly segments: number | undefined
}

/** Undefined for a clip that is settled. Rejects with ClipFailure for one that is not the clip it was. */
async function unfinishedPart(entry: ClipEntry, room: ClipRoom): Promise<Unfinished | undefined> {
  const known = room.ledger.find(entry.id)
  if (known.is === 'failed') return undefined
  const file = isUrl(entry.source)
    ? undefined
    : await fileState(entry.source).catch((error) => {
        // Captioned and then moved away is captioned.
        if (known.is === 'captioned') return undefined
        throw error
      })
  if (known.is !== 'new') await refuseIfChanged(entry, known.state, file, room.kill)
  if (known.is === 'captioned') return undefined
  const { captioned, failed, segments } =
    known.is === 'begun'
      ? known.part
      : { captioned: new Map<number, Cue>(), failed: new Set<number>(), segments: undefined }
  return { file, captioned: new Map(captioned), failed: new Set(failed), segments }
}

async function refuseIfChanged(
  entry: ClipEntry,
  was: KnownState,
  file: FileState | undefined,
  signal: AbortSignal,
): Promise<void> {
  const advice = 'its captions stay; take their lines out, or begin anew with --restart'
  // No digest: nothing of it was captioned yet.
  if (was.sha256 === '') return
  if (was.asked !== askedOf(entry)) {
    const what =
      'it was captioned with another part, prompt or segment, or under the id of another line'
    throw new ClipFailure('clip_changed', `${what}: ${advice}`)
  }
  if (file === undefined || was.bytes === undefined) return
  if (file.bytes === was.bytes && file.modified === was.modified) return
  // Copied, or touched: the time says nothing then.
  const isSame =
    file.bytes === was.bytes && (await hashFile(entry.source, signal)).startsWith(was.sha256)
  if (!isSame)
    throw new ClipFailure('clip_changed', `it is not the file that was captioned: ${advice}`)
}

interface OpenClip extends Unfinished {
  readonly entry: ClipEntry
  readonly upload: Upload
}

async function captionSegments(clip: OpenClip, room: ClipRoom): Promise<void> {
  const { upload, captioned, failed, segments } = clip
  const spans = upload.isPicture ? [undefined] : await spansOf(clip, room)
  if (segments !== undefined && segments !== spans.length) {
    const what = `it has ${spans.length} segments and was begun with ${segments}`
    throw new ClipFailure(
      'clip_changed',
      `${what}: take its lines out, or begin anew with --restart`,
    )
  }
  refuseIfCutOtherwise(captioned, spans)
  const cues = new Map(captioned)
  const waiting = spans.entries()
  let isBroken = false
  const lane = async () => {
    try {
      for (const [segment, span] of waiting) {
        if (captioned.has(segment) || failed.has(segment)) continue
        if (isBroken) return
        room.stop.throwIfAborted()
        await captionSegment({ ...clip, segment, span, segments: spans.length, cues }, room)
      }
    } catch (error) {
      isBroken = true
      throw error
    }
  }
  // All have ended before the file goes.
  const lanes = await Promise.allSettled(Array.from({ length: room.jobs }, lane))
  const broken = lanes.find(({ status }) => status === 'rejected')
  if (broken?.status === 'rejected') throw broken.reason
}

/** What was captioned before has the times of its lines, and what is cut now must fit to them. Throws ClipFailure. */
function refuseIfCutOtherwise(
  captioned: ReadonlyMap<number, Span>,
  spans: readonly (Span | undefined)[],
): void {
  for (const [segment, was] of captioned) {
    const span = spans[segment]
    if (span === undefined || (span.start === was.start && span.end === was.end)) continue
    const what = `segment ${segment} is from ${span.start} to ${span.end} s now and was from ${was.start} to ${was.end} s: another version of ffmpeg or of the server finds other scenes`
    throw new ClipFailure(
      'clip_changed',
      `${what}; take its lines out, or begin anew with --restart`,
    )
  }
}

async function spansOf({ entry, upload }: OpenClip, room: ClipRoom): Promise<Span[]> {
  const { server, patience, slots, kill, job } = room
  const duration = await patience.ask(() =>
    slots.hold(() => upload.use((id) => server.duration(id, kill))),
  )
  const { start = 0, end = duration } = entry
  if (start > 0 && start >= duration) {
    const what = `start: expected less than the ${duration} s that the clip has, got ${start}`
    throw new ClipFailure('invalid_request', what, 'start')
  }
  const window = { start, end: Math.min(end, duration) }
  const rule = entry.segment ?? job.segment
  const spans = isSceneRule(rule)
    ? cutAtScenes(window, await changesIn(window, upload, room), rule)
    : cutSegments(window, rule)
  if (spans) return spans
  const what = `segment: too short for the ${duration} s that the clip has`
  throw new ClipFailure('invalid_request', what, 'segment')
}

/** Seconds at which scenes begin behind the window's start, asked for piece by piece: each must be decoded within the server's time for one call. */
async function changesIn(
  { start, end }: Span,
  upload: Upload,
  { server, patience, slots, stop, kill }: ClipRoom,
): Promise<number[]> {
  const changes: number[] = []
  for (let from = start; from < end; from += PIECE_SECONDS) {
    const span = { start: from, end: Math.min(from + PIECE_SECONDS, end) }
    const found = await patience.ask(() =>
      slots.hold(() => {
        stop.throwIfAborted()
        return upload.use((id) => server.scenes(id, span, kill))
      }),
    )
    changes.push(...found)
  }
  return changes
}

interface OpenSegment extends OpenClip {
  readonly segment: number
  readonly segments: number
  /** Undefined: a picture. */
  readonly span: Span | undefined
  /** Of all segments that are captioned. */
  readonly cues: Map<number, Cue>
}

async function captionSegment(open: OpenSegment, room: ClipRoom): Promise<void> {
  const { entry, upload, segment, segments, span, file, cues } = open
  const { server, patience, slots, job, kill, ledger } = room
  const prompt = entry.prompt ?? job.prompt
  const place = { segment, segments, ...(span ?? { start: 0, end: 0 }) }
  let answer: CaptionAnswer
  try {
    answer = await patience.ask(() =>
      slots.hold(() => {
        room.stop.throwIfAborted()
        return upload.use((fileId) =>
          server.ask({ fileId, span, frames: job.frames, prompt, maxTokens: job.maxTokens }, kill),
        )
      }),
    )
  } catch (error) {
    return writeDown(error, entry, place, room)
  }
  await requireSameModel(answer.systemFingerprint, room)
  const caption = answer.text.trim()
  const asked = askedOf(entry)
  cues.set(segment, { ...(span ?? { start: 0, end: PICTURE_SECONDS }), text: caption })
  // Before the last line is written: a clip that counts as whole has its subtitles.
  if (cues.size === segments && job.format !== 'jsonl')
    await writeCues(entry, cues, job.format, room)
  await ledger.captioned({
    id: entry.id,
    source: entry.source,
    ...place,
    caption,
    frames: answer.times ?? [0],
    model: room.model.id,
    digest: room.model.digest,
    system_fingerprint: answer.systemFingerprint,
    prompt,
    usage: answer.usage,
    finish_reason: answer.finishReason,
    ...room.about(),
    clip: { ...file, sha256: upload.sha256, ...(asked === '' ? {} : { asked }) },
  })
}

async function writeCues(
  entry: ClipEntry,
  cues: ReadonlyMap<number, Cue>,
  format: 'srt' | 'vtt',
  { subtitles }: ClipRoom,
): Promise<void> {
  const inOrder = [...cues].sort(([a], [b]) => a - b).map(([, cue]) => cue)
  const path =
    subtitles?.isFolder === false
      ? subtitles.path
      : join(subtitles!.path, subtitlePath(entry.id, format))
  await writeSubtitles(path, inOrder, format)
}

/** A server that was started again may serve something else by then. Throws CommandFailure. */
async function requireSameModel(fingerprint: string, room: ClipRoom): Promise<void> {
  const { fingerprints, server, model, kill } = room
  if (fingerprints.has(fingerprint)) return
  const now = await server.chooseModel(model.id, kill)
  if (now.digest !== model.digest)
    throw new CommandFailure(
      `${server.url} serves another ${model.id} now (digest ${now.digest}, was ${model.digest}); the captions stop here`,
    )
  // The same weights on another version or backend.
  fingerprints.add(fingerprint)
}
