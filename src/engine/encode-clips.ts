/** Frames of clips among the pictures of a batch: each goes through the towers by itself, and what is pooled is pooled behind them. */
import { type FramePooling, poolFrames } from '../../models/video/pooling.ts'
import type { EncoderSession } from './backend.ts'
import { type Encoded, encodePictures, sharedFloats } from './encode-pictures.ts'
import type { TiledPicture } from './encoder-messages.ts'

/** As {@link encodePictures}, of pictures and of groups of frames. */
export async function encodeClips(
  session: EncoderSession,
  pictures: readonly TiledPicture[],
  maxBatch: number,
): Promise<Encoded> {
  if (!pictures.some(({ pooled }) => pooled)) return encodePictures(session, pictures, maxBatch)
  const { features, runs } = await encodePictures(session, pictures.flatMap(framesOf), maxBatch)
  let next = 0
  return {
    runs,
    features: pictures.map(({ pooled }) => {
      if (!pooled) return features[next++]!
      const frames = features.slice(next, next + pooled.frames)
      next += pooled.frames
      const rows = pool(frames, pooled.pooling, session.hiddenSize)
      return rows
    }),
  }
}

function framesOf(picture: TiledPicture): readonly TiledPicture[] {
  const { pixels, layout, pooled } = picture
  if (!pooled) return [picture]
  const size = pixels.length / pooled.frames
  return Array.from({ length: pooled.frames }, (_, i) => {
    return { pixels: pixels.subarray(i * size, (i + 1) * size), layout }
  })
}

/** `[rows, hidden]`: the runs of all sizes, one after the other. */
function pool(
  frames: readonly Float32Array[],
  { side, sizes }: FramePooling,
  hiddenSize: number,
): Float32Array {
  const all = new Float32Array(frames.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const frame of frames) {
    all.set(frame, at)
    at += frame.length
  }
  const runs = sizes.map((size) => poolFrames(all, side, hiddenSize, size))
  const rows = sharedFloats(runs.reduce((sum, { length }) => sum + length, 0))
  at = 0
  for (const run of runs) {
    rows.set(run, at)
    at += run.length
  }
  return rows
}
