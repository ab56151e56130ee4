#!/usr/bin/env node
/**
 * What length costs: `node bin/node.js bench/clip-frames.ts [rounds [frames]]` makes with ffmpeg a clip of a minute and, by copying, one of an hour of
 * the same coding, takes evenly spread frames (8) of each in turns (5 rounds) and prints the
 * medians of the time from call to tiles, and their ratio. It fails beyond 3. Let nothing else run beside it.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ImagePreprocessing } from '../models/preprocessing.ts'
import { ONE_TILE } from '../models/tiling/layout.ts'
import { resolveConfig } from '../src/config.ts'
import { startMedia } from '../src/media/media.ts'
import { mediaOptions } from '../src/part-options.ts'

const [rounds = 5, frames = 8] = process.argv.slice(2).map(Number)
const NEVER = new AbortController().signal
const TO: ImagePreprocessing = {
  mode: 'stretch',
  size: 224,
  padColor: [0, 0, 0],
  resample: 'bicubic',
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
}

const SIZES = ['320x240', '1280x720'] as const

const folder = await mkdtemp(join(tmpdir(), 'aerie-bench-clips-'))
const config = resolveConfig({ flags: { videoWorkers: 1, videoTimeoutMs: 600_000 } })
const media = await startMedia(mediaOptions(config, { warn: console.error }))
try {
  for (const size of SIZES) {
    const { minute, hour } = await makeClips(size)
    const times: Record<'minute' | 'hour', number[]> = { minute: [], hour: [] }
    // The first one starts the decoder, and looks at what ffmpeg can do.
    await measure(minute)
    for (let round = 0; round < rounds; round++) {
      times.minute.push(await measure(minute))
      times.hour.push(await measure(hour))
    }
    const [one, sixty] = [median(times.minute), median(times.hour)]
    const ratio = (sixty / one).toFixed(2)
    console.log(
      `${size}, ${frames} frames: a minute ${one.toFixed(0)} ms, an hour ${sixty.toFixed(0)} ms, ratio ${ratio} (at most 3)`,
    )
    if (sixty > 3 * one) process.exitCode = 1
  }
} finally {
  await media.dispose()
  await rm(folder, { recursive: true })
}

async function makeClips(size: string): Promise<{ minute: string; hour: string }> {
  const minute = join(folder, `minute-${size}.mp4`)
  const hour = join(folder, `hour-${size}.mp4`)
  const list = join(folder, 'list.txt')
  const source = `testsrc=size=${size}:rate=30:duration=60`
  const coding = ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-pix_fmt', 'yuv420p']
  ffmpeg(['-f', 'lavfi', '-i', source, ...coding, minute])
  await writeFile(list, `file '${minute}'\n`.repeat(60))
  ffmpeg(['-f', 'concat', '-safe', '0', '-i', list, '-c', 'copy', hour])
  return { minute, hour }
}

function ffmpeg(args: readonly string[]): void {
  execFileSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args])
}

/** Milliseconds from the call to the tiles. */
async function measure(path: string): Promise<number> {
  const { size: byteLength } = await stat(path)
  const { clips } = media
  const clip = await clips.load({ from: { path, byteLength }, param: 'video' }, NEVER)
  const times = Array.from(
    { length: frames },
    (_, index) => ((index + 0.5) * clip.header.duration) / frames,
  )
  const start = performance.now()
  await clips.prepare(clip, times, TO, ONE_TILE, 'video', NEVER)
  return performance.now() - start
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
