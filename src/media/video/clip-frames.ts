/** Times of a clip → tiles, frame by frame as ffmpeg gives them: what is in memory is the tiles and three frames. */
import type { Preprocessing } from '../../../models/preprocessing.ts'
import type { PictureLayout } from '../../../models/tiling/layout.ts'
import { machineMs } from '../../machine-clock.ts'
import { type ModePicture, onWhite, withAlpha } from '../modes.ts'
import { type Preprocessed, preprocess } from '../preprocess.ts'
import { preprocessWhole } from '../whole-picture.ts'
import type { ClipFacts, PreparedClip } from './clip-protocol.ts'
import type { ClipInput } from './ffmpeg.ts'
import { findFrames } from './frame-search.ts'

export interface FramesToPrepare {
  readonly facts: ClipFacts
  readonly times: readonly number[]
  readonly preprocessing: Preprocessing
  readonly layout: PictureLayout
}

/** Each frame becomes what the same picture would become. */
export async function prepareFrames(
  input: ClipInput,
  { facts, times, preprocessing, layout }: FramesToPrepare,
  signal: AbortSignal,
): Promise<PreparedClip & { readonly pixels: Float32Array<ArrayBuffer> }> {
  const begun = machineMs()
  let preprocessMs = 0
  let pixels = new Float32Array(0)
  let steps: readonly string[] = []
  const shown = new Float64Array(times.length)
  const { alpha } = preprocessing
  const remarks = await findFrames(
    input,
    {
      facts,
      times,
      isOpaque: alpha === 'dropped',
      onFrame: ({ time, asked, data }) => {
        const start = performance.now()
        const picture = pictureOf(data, facts, alpha)
        const made: Preprocessed =
          preprocessing.mode === 'whole'
            ? preprocessWhole(picture, preprocessing)
            : preprocess(picture, preprocessing, layout)
        const { length } = made.pixels
        if (pixels.length === 0) pixels = new Float32Array(times.length * length)
        for (const index of asked) {
          pixels.set(made.pixels, index * length)
          shown[index] = time
        }
        steps = made.steps
        preprocessMs += performance.now() - start
      },
    },
    signal,
  )
  const conversions = [...remarks, ...steps]
  const decodeMs = machineMs() - begun - preprocessMs
  // Microseconds are what ffmpeg counts in; what is behind them is rounding.
  const rounded = Array.from(shown, (time) => Math.round(time * 1e6) / 1e6)
  return { times: rounded, conversions, decodeMs, preprocessMs, startedAt: begun, pixels }
}

function pictureOf(
  data: Uint8Array,
  { width, height, hasAlpha }: ClipFacts,
  alpha: Preprocessing['alpha'],
): ModePicture {
  const size = { width, height }
  if (!hasAlpha || alpha === 'dropped') return { data, ...size }
  return alpha === 'resized-then-dropped' ? withAlpha(data, size) : onWhite(data, size)
}
