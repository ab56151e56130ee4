/** Where another scene begins. */
import type { ClipFacts } from './clip-protocol.ts'
import type { ClipWindow } from './contract.ts'
import { CUT_BYTES, type Cut, CutDetector, neighboursAt } from './cut-detector.ts'
import { type ClipInput, runFilters } from './ffmpeg.ts'
import { sceneGraph } from './frame-graph.ts'
import { seekTo, slackOf } from './frame-search.ts'
import { RawFrames } from './raw-frames.ts'

/** Of one window: a cut in every frame of hours is no film. */
const MOST_SCENES = 10_000

/**
 * Seconds of the clip, in order: of the frames behind `window.start` and not behind `window.end` at which a scene begins; the clearest
 * ten thousand. What is around the window is looked at too, so that windows that follow each other find what one over both of them would.
 */
export async function findScenes(
  input: ClipInput,
  facts: ClipFacts,
  window: ClipWindow,
  signal: AbortSignal,
): Promise<number[]> {
  const { origin, fps } = facts
  const margin = (neighboursAt(fps) + 2) / fps
  let cuts: Cut[] = []
  const detector = new CutDetector(fps, ({ time, share }) => {
    if (time <= window.start || time > window.end) return
    cuts.push({ time, share })
    if (cuts.length >= 2 * MOST_SCENES) cuts = clearest(cuts)
  })
  const frames = new RawFrames(CUT_BYTES, 1)
  // Its buffer is filled anew by the frame after the next.
  const look = () => {
    const { held } = frames
    if (held) detector.push(held.pts - origin, held.data.slice())
  }
  frames.onFrame = look
  const from = origin + window.start - margin
  const seek = seekTo(facts, from - slackOf(facts))
  await runFilters(
    input,
    {
      inputs: [seek === undefined ? {} : { seek }],
      stream: facts.stream,
      graph: sceneGraph(facts, seek, { from, to: origin + window.end + margin }),
      onBytes: (piece) => frames.bytes(piece),
      onLine: (line) => frames.line(line),
    },
    signal,
  )
  frames.end()
  look()
  detector.end()
  return clearest(cuts)
    .map(({ time }) => Math.round(time * 1e6) / 1e6)
    .sort((a, b) => a - b)
}

function clearest(cuts: readonly Cut[]): Cut[] {
  return cuts.toSorted((a, b) => b.share - a.share).slice(0, MOST_SCENES)
}
