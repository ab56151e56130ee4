/** Where another scene begins. */
import type { ClipFacts } from './clip-protocol.ts'
import type { ClipWindow } from './contract.ts'
import { type ClipInput, runFilters } from './ffmpeg.ts'
import { sceneGraph } from './frame-graph.ts'

/** Of ffmpeg's scene score, 0…1: what its documentation says a change of scene has at least. */
const LEAST_SCORE = 0.3

/** Seconds of the clip, in order: of the frames in the window that differ from the one before, the most different `most`. */
export async function findScenes(
  input: ClipInput,
  facts: ClipFacts,
  window: ClipWindow,
  most: number,
  signal: AbortSignal,
): Promise<number[]> {
  const { origin } = facts
  const from = origin + window.start
  let best: { time: number; score: number }[] = []
  let time = 0
  const onLine = (line: string) => {
    const pts = /^frame:\d+\s+pts:(-?\d+)/.exec(line)?.[1]
    if (pts !== undefined) time = Number(pts) / 1e6 - origin
    const score = /^lavfi\.scene_score=([\d.]+)/.exec(line)?.[1]
    if (score === undefined || time < window.start || time > window.end) return
    best.push({ time, score: Number(score) })
    // Kept small while it grows.
    if (best.length >= 2 * most + 1000) best = strongest(best, most)
  }
  await runFilters(
    input,
    {
      inputs: [window.start > 0 ? { seek: from } : {}],
      stream: facts.stream,
      graph: sceneGraph(facts, origin + window.end, LEAST_SCORE),
      onLine,
    },
    signal,
  )
  return strongest(best, most)
    .map(({ time }) => time)
    .sort((a, b) => a - b)
}

function strongest<T extends { score: number }>(all: readonly T[], most: number): T[] {
  return all.toSorted((a, b) => b.score - a.score).slice(0, most)
}
