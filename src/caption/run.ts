/** Captions the clips of a list: some at a time, each once, and none stops the others. */

import { type ClipRoom, captionClip } from './caption-clip.ts'
import type { CaptionServer, ServedModel } from './caption-server.ts'
import type { ListedClip } from './clip-list.ts'
import { type CaptionJob, ClipFailure } from './job.ts'
import { askedOf, type Ledger } from './ledger.ts'
import type { Patience } from './patience.ts'
import { Slots } from './slots.ts'
import type { SubtitlePlace } from './subtitle-file.ts'

export interface RunOptions {
  readonly job: CaptionJob
  readonly model: ServedModel
  /** Of the model, in every version and on every backend that has answered. */
  readonly fingerprints: Set<string>
  /** Undefined: the captions are lines. */
  readonly subtitles: SubtitlePlace | undefined
  readonly server: CaptionServer
  readonly ledger: Ledger
  readonly patience: Patience
  /** Requests at a time. */
  readonly jobs: number
  /** Of this program. */
  readonly version: string
  /** Nothing new is begun; what runs is finished. */
  readonly stop: AbortSignal
  /** What runs is given up. */
  readonly kill: AbortSignal
  /** Told after each clip of the list, done or not. */
  onClip(): void
}

/** Clips beyond the requests: they are read and looked at while others wait for their answers. */
const AHEAD = 2

/** Resolves when all is done or `stop` fired and the rest is finished. Rejects for what would fail every clip, with all ended. */
export async function captionAll(
  clips: AsyncIterable<ListedClip>,
  options: RunOptions,
): Promise<void> {
  const { ledger, stop, onClip } = options
  const fatal = new AbortController()
  const room: ClipRoom = {
    ...options,
    slots: new Slots(options.jobs),
    stop: AbortSignal.any([stop, fatal.signal]),
    kill: AbortSignal.any([options.kill, fatal.signal]),
    about: () => ({ at: new Date().toISOString(), aerie: options.version }),
  }
  // Of those under way: another line with the same id would be taken for new.
  const open = new Map<string, string>()
  const settle = async (clip: ListedClip) => {
    if ('problem' in clip) {
      await ledger.failed(clip, new ClipFailure('invalid_line', clip.problem), {}, room.about())
      return
    }
    const identity = `${clip.source}\n${askedOf(clip)}`
    const other = open.get(clip.id)
    if (other === identity) return
    if (other !== undefined) {
      const failure = new ClipFailure(
        'duplicate_id',
        `another clip of the list has this id; this one is ${clip.source}`,
      )
      await ledger.failed(clip, failure, {}, room.about())
      return
    }
    open.set(clip.id, identity)
    try {
      await captionClip(clip, room)
    } finally {
      open.delete(clip.id)
    }
  }
  const next = clips[Symbol.asyncIterator]()
  const lane = async () => {
    while (!room.stop.aborted) {
      const { value, done } = await next.next()
      if (done) return
      await settle(value)
      onClip()
    }
  }
  const lanes = Array.from({ length: options.jobs + AHEAD }, async () => {
    try {
      await lane()
    } catch (error) {
      if (!fatal.signal.aborted && !(stop.aborted && isAbort(error, room))) fatal.abort(error)
    }
  })
  await Promise.all(lanes)
  await next.return?.()
  if (fatal.signal.aborted) throw fatal.signal.reason
}

function isAbort(error: unknown, { stop, kill }: ClipRoom): boolean {
  return error === stop.reason || error === kill.reason
}
