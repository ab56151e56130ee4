/** Two hours of 8k in a few kilobytes, really decoded: where frames of that size are allowed, time and memory still end. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { CLIP_DEFAULTS, type ClipOptions } from '../../../src/media/video/clip-options.ts'
import { NEVER } from '../pictures.ts'
import { type ClipFolder, clipFolder, ffmpeg, framesAt, mediaForClips, NO_FFMPEG } from './clips.ts'

const MiB = 2 ** 20
/** Seconds that each of the frames is shown. */
const SHOWN = 720
const TIMES = [0, 3600, 7000]
const ROOMY = { ...CLIP_DEFAULTS.limits, maxVideoPixels: 40_000_000 }

/** The largest resident size so far, in bytes, of processes with this text in their command line. */
function mostResident(text: string): number {
  const sizes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)) return 0
        const [, most = '0'] =
          /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
        return Number(most) * 1024
      } catch {
        // It has ended meanwhile.
        return 0
      }
    })
  return Math.max(0, ...sizes)
}

describe('two hours of 8k in a few kilobytes', {
  skip: NO_FFMPEG || (process.platform !== 'linux' && 'looks into /proc'),
}, () => {
  let dir: ClipFolder
  let path: string
  before(async () => {
    dir = await clipFolder()
    path = dir.path('bomb.mp4')
    const still = ['-f', 'lavfi', '-i', 'color=white:size=7680x4320:rate=1:duration=10']
    const late = ['-vf', `setpts=${SHOWN}*PTS`, '-fps_mode', 'passthrough']
    const one = ['-x264-params', 'keyint=1000:scenecut=0']
    const x264 = ['-c:v', 'libx264', '-preset', 'superfast', '-pix_fmt', 'yuv420p', ...one]
    await ffmpeg([...still, ...late, ...x264, path])
    assert.ok((await stat(path)).size < 20_000)
  })
  after(() => dir?.[Symbol.asyncDispose]())

  async function look(clips: Partial<ClipOptions>) {
    const media = await mediaForClips({ clips })
    try {
      const { size: byteLength } = await stat(path)
      const clip = await media.clips.load({ from: { path, byteLength }, param: 'video' }, NEVER)
      const frames = await framesAt(media.clips, clip, TIMES)
      return { header: clip.header, frames }
    } finally {
      await media.dispose()
      assert.equal(mostResident(path), 0, 'nothing of ffmpeg is left')
    }
  }
  const tooLarge = (message: RegExp) => (error: Error & { code?: string }) => {
    assert.equal(error.code, 'media_too_large', error.message)
    assert.match(error.message, message)
    return true
  }

  it('are refused by their header, as frames may have 9.5 million pixels', async () => {
    await assert.rejects(look({}), tooLarge(/7680×4320, maxVideoPixels is 9500000/))
  })

  it('are looked at where they may have more, within the memory that one ffmpeg has', async () => {
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, mostResident(path))
    }, 20)
    try {
      const { header, frames } = await look({ limits: ROOMY })
      assert.deepEqual([header.width, header.height], [7680, 4320])
      assert.equal(frames.times.length, TIMES.length)
      assert.ok(
        frames.pixels.every((value) => value > 0.98),
        'white is white',
      )
    } finally {
      clearInterval(watch)
    }
    assert.ok(most > 100 * MiB, `a frame was decoded: ${most}`)
    assert.ok(most < CLIP_DEFAULTS.maxFfmpegBytes, String(most))
  })

  it('are refused where ffmpeg may not have that much memory, or time', async () => {
    await assert.rejects(
      look({ limits: ROOMY, maxFfmpegBytes: 512 * MiB }),
      tooLarge(/videoMemoryBytes/),
    )
    await assert.rejects(look({ limits: ROOMY, timeoutMs: 150 }), tooLarge(/videoTimeoutMs/))
  })
})
