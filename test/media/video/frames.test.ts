import assert from 'node:assert/strict'
import { stat, truncate } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { Media } from '../../../src/media/types.ts'
import type { LoadedClip } from '../../../src/media/video/contract.ts'
import { NEVER } from '../pictures.ts'
import {
  type ClipFolder,
  clipFolder,
  ffmpeg,
  framesAt,
  mediaForClips,
  NO_FFMPEG,
  numbered,
  numbersIn,
} from './clips.ts'

const X264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-crf', '10']

describe('the frame at a time', { skip: NO_FFMPEG }, () => {
  let dir: ClipFolder
  let media: Media
  before(async () => {
    dir = await clipFolder()
    media = await mediaForClips()
  })
  after(async () => {
    await media.dispose()
    await dir[Symbol.asyncDispose]()
  })

  async function load(path: string): Promise<LoadedClip> {
    const { size: byteLength } = await stat(path)
    return await media.clips.load({ from: { path, byteLength }, param: 'video' }, NEVER)
  }

  async function make(name: string, args: readonly string[], source = numbered(25, 8)) {
    const path = dir.path(name)
    await ffmpeg(['-f', 'lavfi', '-i', source, ...args, path])
    return path
  }

  /** In disorder, twice the same, on the frame, just before the next, in the last one. */
  const TIMES = [4, 0, 0.04, 0.079, 7.96, 3.97, 4, 1.3333, 6.001]
  const NUMBERS = [100, 0, 1, 1, 199, 99, 100, 33, 150]

  const FORMS: Readonly<Record<string, readonly string[]>> = {
    'b.mp4': [...X264, '-bf', '3', '-g', '50'],
    'open-gop.mp4': [...X264, '-x264-params', 'open-gop=1:keyint=30:bframes=3:scenecut=0'],
    'one-key.mp4': [...X264, '-bf', '2', '-g', '10000'],
    'open-gop.ts': [...X264, '-x264-params', 'open-gop=1:keyint=30:bframes=3:scenecut=0'],
    'fragments.mp4': [...X264, '-g', '50', '-movflags', 'frag_keyframe+empty_moov'],
    'late.mkv': [...X264, '-g', '50', '-bf', '2', '-output_ts_offset', '100'],
    'vp9.webm': ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '50'],
    'mpeg4.avi': ['-c:v', 'mpeg4', '-q:v', '2', '-bf', '2', '-g', '50'],
    'mjpeg.mov': ['-c:v', 'mjpeg', '-q:v', '2', '-pix_fmt', 'yuvj420p'],
    'ten-bit.mkv': ['-c:v', 'ffv1', '-pix_fmt', 'yuv444p10'],
    'program.mpg': ['-c:v', 'mpeg2video', '-q:v', '2', '-bf', '2', '-g', '25'],
    'flash.flv': ['-c:v', 'flv1', '-q:v', '2', '-g', '50'],
    'picture.gif': ['-pix_fmt', 'gray'],
  }
  for (const [name, args] of Object.entries(FORMS)) {
    it(`is exact in ${name}`, async () => {
      const clip = await load(await make(name, args))
      assert.equal(clip.header.width, 64)
      assert.ok(Math.abs(clip.header.duration - 8) < 0.05, `${clip.header.duration} s`)
      const found = await framesAt(media.clips, clip, TIMES)
      assert.deepEqual(numbersIn(found), NUMBERS)
      for (const [index, time] of found.times.entries()) {
        assert.ok(Math.abs(time - NUMBERS[index]! / 25) < 0.002, `${time} for ${TIMES[index]}`)
      }
      assert.deepEqual(found.conversions, [])
      // Each by a seek of its own; the second lies before the keyframe of an open group and is decoded after it.
      for (const number of [99, 29, 150]) {
        const [time, seen] = await only(clip, number / 25)
        assert.deepEqual(seen, [number])
        assert.ok(Math.abs(time! - number / 25) < 0.002, `${time} for ${number / 25}`)
      }
    })
  }

  async function only(clip: LoadedClip, time: number) {
    const found = await framesAt(media.clips, clip, [time])
    assert.deepEqual(found.conversions, [])
    return [found.times[0], numbersIn(found)] as const
  }

  it('is the last one before it, however long ago, where the rate varies', async () => {
    // Frames 0, 1, 2, then one a second.
    const path = await make('varies.mp4', [
      ...['-vf', "select='lt(n,3)+not(mod(n,25))'", '-fps_mode', 'vfr'],
      ...[...X264, '-bf', '2', '-g', '1000'],
    ])
    const clip = await load(path)
    const found = await framesAt(media.clips, clip, [0.05, 0.9, 1, 3.999, 6.5])
    assert.deepEqual(numbersIn(found), [1, 2, 25, 75, 150])
    assert.deepEqual(found.times, [0.04, 0.08, 1, 3, 6])
    assert.deepEqual(found.conversions, [])
  })

  it('is the first one before the picture begins, and counts from where the sound does', async () => {
    const path = dir.path('late-picture.mkv')
    await ffmpeg([
      ...['-f', 'lavfi', '-i', 'sine=duration=8', '-itsoffset', '2'],
      ...['-f', 'lavfi', '-i', numbered(25, 4), ...X264, path],
    ])
    const clip = await load(path)
    assert.equal(clip.header.hasSound, true)
    const found = await framesAt(media.clips, clip, [0, 1.5, 2, 3.01])
    assert.deepEqual(numbersIn(found), [0, 0, 0, 25])
    assert.deepEqual(
      found.times.map((time) => Math.round(time * 100) / 100),
      [2, 2, 2, 3],
    )
  })

  it('is the one after an edit that cuts the beginning off', async () => {
    const whole = await make('whole.mp4', [...X264, '-bf', '2', '-g', '50'])
    const path = dir.path('edited.mp4')
    // Copied from a time between two keyframes: the file keeps what comes before and has an edit list.
    await ffmpeg(['-ss', '3', '-i', whole, '-c', 'copy', path])
    const clip = await load(path)
    const found = await framesAt(media.clips, clip, [0, 1.01, 4.97])
    assert.deepEqual(numbersIn(found), [75, 100, 199])
    assert.equal(found.times[0], 0)
  })

  it('is the last good one behind a break, and the answer says so', async () => {
    const path = await make('broken.mp4', [...X264, '-g', '50', '-movflags', '+faststart'])
    await truncate(path, Math.round((await stat(path)).size * 0.6))
    const clip = await load(path)
    const found = await framesAt(media.clips, clip, [1, 7, 7.9])
    const [first, ...behind] = numbersIn(found)
    assert.equal(first, 25)
    assert.ok(behind.every((number) => number > 25 && number < 175 && number === behind[0]))
    assert.match(found.conversions.join(), /^breaks off at \d\.\d+ s: its last frame stands/)
  })

  it('is found without a duration in the file, whose packets say it', async () => {
    const path = dir.path('live.webm')
    await ffmpeg([
      ...[
        '-f',
        'lavfi',
        '-i',
        numbered(25, 4),
        '-c:v',
        'libvpx',
        '-deadline',
        'realtime',
        '-g',
        '50',
      ],
      ...['-f', 'webm', '-live', '1', path],
    ])
    const clip = await load(path)
    assert.ok(Math.abs(clip.header.duration - 4) < 0.05, `${clip.header.duration} s`)
    assert.deepEqual(numbersIn(await framesAt(media.clips, clip, [3.2, 0])), [80, 0])
  })

  it('is the only one of a clip of one frame', async () => {
    const clip = await load(await make('one.mp4', [...X264, '-frames:v', '1']))
    assert.deepEqual(numbersIn(await framesAt(media.clips, clip, [0, 5])), [0, 0])
  })
})
