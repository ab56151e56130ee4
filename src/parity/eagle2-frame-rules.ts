/** Tables of the frames that Eagle 2's rules choose: every recorded row, and what the case's own videos gave. */

import { roundHalfToEven } from '../../models/blocks/round.ts'
import { chooseFrames, chooseMiddleFrames } from '../../models/eagle2/frame-choice.ts'
import type { Fact } from './compare.ts'
import { factsOf, frameOptions, type RecordedVideos } from './eagle2-conversation.ts'
import { integers } from './reference-case.ts'

/** Past so many frames, the newer table keeps four at each end and the sum. */
const LISTED = 24
/** The table rounds frames a second to so many decimals. */
const MICRO = 1e6

interface FrameRule {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

export function compareFrameRules(expected: Readonly<Record<string, unknown>>): Fact[] {
  const rule = expected['frame_rule'] as FrameRule | undefined
  const tables: Fact[] = []
  const compare = (name: string, theirs: readonly number[], ours: readonly number[]) => {
    tables.push({ name, ourTable: integers(ours), theirTable: integers(theirs) })
  }
  if (rule?.columns[1] === 'video_frame_num') {
    const rows = rule.rows as [number, number, number[]][]
    const ours = rows.map(([totalFrames, count]) =>
      chooseMiddleFrames({ totalFrames, fps: 1 }, count),
    )
    compare(
      'frame_rule.indices',
      rows.flatMap(([, , indices]) => [indices.length, ...indices]),
      ours.flatMap(({ indices }) => [indices.length, ...indices]),
    )
  } else if (rule) {
    const rows = rule.rows as [number, number, object, number, (number | number[])[], number][]
    const ours = rows.map(([totalFrames, fps, options]) =>
      chooseFrames({ totalFrames, fps }, frameOptions(options)),
    )
    compare(
      'frame_rule.nframes',
      rows.map(([, , , count]) => count),
      ours.map(({ indices }) => indices.length),
    )
    compare(
      'frame_rule.indices',
      rows.flatMap(([, , , , indices]) => indices.flat()),
      ours.flatMap(({ indices }) => (indices.length > LISTED ? abridged(indices) : indices)),
    )
    compare(
      'frame_rule.sample_fps_micro',
      rows.map(([, , , , , fps]) => Math.round(fps * MICRO)),
      ours.map(({ sampledFps }) => roundHalfToEven(sampledFps * MICRO)),
    )
  }
  compareVideos((expected['video_frames'] ?? {}) as RecordedVideos, compare)
  return tables
}

function abridged(indices: readonly number[]): number[] {
  const sum = indices.reduce((total, index) => total + index, 0)
  return [...indices.slice(0, 4), ...indices.slice(-4), sum]
}

function compareVideos(
  videos: RecordedVideos,
  compare: (name: string, theirs: readonly number[], ours: readonly number[]) => void,
): void {
  for (const [key, recordedFrames] of Object.entries(videos)) {
    const facts = factsOf(recordedFrames)
    const count = recordedFrames.indices.length
    const { indices, seconds } = key.startsWith('{')
      ? chooseFrames(facts, frameOptions(JSON.parse(key)))
      : chooseMiddleFrames(facts, count)
    compare(`video_frames.${key}.indices`, recordedFrames.indices, indices)
    const micro = (times: readonly number[]) => times.map((time) => roundHalfToEven(time * MICRO))
    compare(`video_frames.${key}.microseconds`, micro(recordedFrames.timestamps), micro(seconds))
  }
}
