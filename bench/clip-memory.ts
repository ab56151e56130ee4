#!/usr/bin/env node
/**
 * Whether clips leave anything: `node bin/node.js bench/clip-memory.ts [--clips 1000]` sends so many different clips of two seconds, as base64,
 * through load, keyframes and eight frames, and prints every tenth of the way what this process, its decoder and the spool folder hold. It fails
 * where memory of the second half rises by more than 10 % over the first.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ImagePreprocessing } from '../models/preprocessing.ts'
import { ONE_TILE } from '../models/tiling/layout.ts'
import { resolveConfig } from '../src/config.ts'
import { startMedia } from '../src/media/media.ts'
import { mediaOptions } from '../src/part-options.ts'

const { values } = parseArgs({ options: { clips: { type: 'string', default: '1000' } } })
const total = Number(values.clips)
const NEVER = new AbortController().signal
const TO: ImagePreprocessing = {
  mode: 'stretch',
  size: 224,
  padColor: [0, 0, 0],
  resample: 'bicubic',
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
}
const MiB = 2 ** 20

const folder = await mkdtemp(join(tmpdir(), 'aerie-bench-clips-'))
const config = resolveConfig({ flags: { videoWorkers: 1, videoSpoolDir: folder } })
const media = await startMedia(mediaOptions(config, { warn: console.error }))
try {
  const clip = join(folder, 'clip.mp4')
  const source = 'testsrc2=size=640x360:rate=25:duration=2'
  const coding = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p']
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', source, ...coding, clip])
  const bytes = await readFile(clip)
  const held: number[] = []
  for (let n = 1; n <= total; n++) {
    await useClip(bytes, n)
    if (n % Math.max(1, Math.floor(total / 10)) > 0) continue
    const [ours, decoders] = [process.memoryUsage.rss(), await decoderBytes()]
    held.push(ours + decoders)
    const files = (await readdir(folder, { recursive: true })).length - 2
    console.log(
      `${n} clips: server ${mib(ours)}, decoders ${mib(decoders)}, ${files} files, ${media.clips.stats().spoolBytes} bytes`,
    )
  }
  const half = Math.floor(held.length / 2)
  const [first, second] = [Math.max(...held.slice(1, half)), Math.max(...held.slice(half))]
  console.log(`first half at most ${mib(first)}, second half ${mib(second)}`)
  if (second > 1.1 * first) process.exitCode = 1
} finally {
  await media.dispose()
  await rm(folder, { recursive: true })
}

/** A clip that no other equals: a number behind its end, which players leave alone. */
async function useClip(bytes: Uint8Array, n: number): Promise<void> {
  const base64 = Buffer.concat([bytes, Buffer.from(`${n}`)]).toString('base64')
  const { clips } = media
  const clip = await clips.load({ from: { base64 }, param: 'video' }, NEVER)
  await clips.keyframes(clip, { start: 0, end: 2 }, 'video', NEVER)
  const times = Array.from({ length: 8 }, (_, index) => index / 4)
  await clips.prepare(clip, times, TO, ONE_TILE, 'video', NEVER)
  clips.release(clip)
}

/** Resident bytes of the children of this process that run node. */
async function decoderBytes(): Promise<number> {
  let sum = 0
  const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8')
  for (const pid of children.trim().split(' ')) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    sum += 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  }
  return sum
}

function mib(bytes: number): string {
  return `${(bytes / MiB).toFixed(0)} MiB`
}
