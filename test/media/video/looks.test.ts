import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { ImagePreprocessing } from '../../../models/preprocessing.ts'
import { layoutOf } from '../../../models/tiling/layout.ts'
import { preprocess } from '../../../src/media/preprocess.ts'
import type { Media } from '../../../src/media/types.ts'
import type { LoadedClip } from '../../../src/media/video/contract.ts'
import { NEVER } from '../pictures.ts'
import {
  AS_IT_IS,
  type ClipFolder,
  clipFolder,
  ffmpeg,
  framesAt,
  mediaForClips,
  NO_FFMPEG,
  numbered,
} from './clips.ts'

const X264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-crf', '5']
/** Red, green, blue and white quarters. */
const QUARTERS =
  "nullsrc=size=96x64:rate=5:duration=1,format=gbrp,geq=r='255*(lt(X,W/2)*lt(Y,H/2)+gte(X,W/2)*gte(Y,H/2))':g='255*(gte(X,W/2))':b='255*(gte(Y,H/2))'"

describe('frames look as in a player', { skip: NO_FFMPEG }, () => {
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

  async function load(name: string): Promise<LoadedClip> {
    const path = dir.path(name)
    const { size: byteLength } = await stat(path)
    return await media.clips.load({ from: { path, byteLength }, param: 'video' }, NEVER)
  }
  async function make(
    name: string,
    args: readonly string[],
    source = QUARTERS,
  ): Promise<LoadedClip> {
    await ffmpeg(['-f', 'lavfi', '-i', source, ...args, dir.path(name)])
    return await load(name)
  }

  /** The four quarters' middles as letters, reading order. */
  async function quarters(clip: LoadedClip): Promise<string> {
    const { pixels } = await framesAt(media.clips, clip, [0.2])
    const area = AS_IT_IS.size ** 2
    const at = (x: number, y: number) => {
      const index = Math.floor(y * AS_IT_IS.size) * AS_IT_IS.size + Math.floor(x * AS_IT_IS.size)
      const rgb = [0, 1, 2].map((c) => (pixels[c * area + index]! > 0.5 ? 1 : 0)).join('')
      return new Map(Object.entries({ 100: 'r', '010': 'g', '001': 'b', 111: 'w' })).get(rgb) ?? rgb
    }
    return at(0.25, 0.25) + at(0.75, 0.25) + at(0.25, 0.75) + at(0.75, 0.75)
  }

  it('with tiles that equal those of the same RGB picture', async () => {
    const clip = await make(
      'noise.mkv',
      ['-c:v', 'ffv1', '-pix_fmt', 'gbrp'],
      'testsrc2=size=150x90:rate=5:duration=1',
    )
    const rgb = execFileSync('ffmpeg', [
      '-v',
      'error',
      '-i',
      dir.path('noise.mkv'),
      '-frames:v',
      '1',
      '-f',
      'rawvideo',
      '-pix_fmt',
      'rgb24',
      '-',
    ])
    const to: ImagePreprocessing = {
      ...AS_IT_IS,
      size: 28,
      mean: [0.4, 0.5, 0.6],
      std: [0.2, 0.3, 0.4],
    }
    const layout = layoutOf([
      { rows: 2, columns: 3 },
      { rows: 1, columns: 1 },
    ])
    const { pixels } = await media.clips.prepare(clip, [0.0, 0.0], to, layout, 'video', NEVER)
    const expected = preprocess({ data: rgb, width: 150, height: 90 }, to, layout).pixels
    assert.equal(pixels.length, 2 * expected.length)
    assert.deepEqual(pixels.subarray(0, expected.length), expected)
    assert.deepEqual(pixels.subarray(expected.length), expected)
  })

  it('turned as their display matrix says', async () => {
    const plain = await make('plain.mp4', X264)
    assert.equal(await quarters(plain), 'rgbw')
    for (const [turn, look] of [
      ['90', 'brwg'],
      ['180', 'wbgr'],
      ['270', 'gwrb'],
    ] as const) {
      // ffmpeg turns against the clock what players turn with it.
      const angle = `${360 - Number(turn)}`
      const name = `turned-${turn}.mp4`
      await ffmpeg([
        '-display_rotation',
        angle,
        '-i',
        dir.path('plain.mp4'),
        '-c',
        'copy',
        dir.path(name),
      ]).catch(() =>
        // Before version 6 it was a tag, which counts against the clock, too.
        ffmpeg([
          '-i',
          dir.path('plain.mp4'),
          '-c',
          'copy',
          '-metadata:s:v',
          `rotate=${angle}`,
          dir.path(name),
        ]),
      )
      const clip = await load(name)
      assert.deepEqual(clip.header.conversions, [`turned by ${turn}°`])
      const isLying = turn !== '180'
      assert.deepEqual([clip.header.width, clip.header.height], isLying ? [64, 96] : [96, 64])
      assert.equal(await quarters(clip), look, turn)
    }
  })

  it('with square pixels', async () => {
    const clip = await make('wide.mp4', ['-vf', 'setsar=16/9', ...X264])
    assert.deepEqual([clip.header.width, clip.header.height], [171, 64])
    assert.deepEqual(clip.header.conversions, ['pixels 16:9 made square'])
    assert.equal(await quarters(clip), 'rgbw')
  })

  it('deinterlaced: rows of two moments do not lie between each other', async () => {
    // A bar that moves by two pixels from one field to the next.
    const source =
      "nullsrc=size=64x64:rate=50:duration=1,format=gray,geq=lum='255*lt(mod(X-2*N+640,64),24)'"
    const clip = await make(
      'fields.mpg',
      [
        ...['-vf', 'interlace=scan=tff:lowpass=off,setfield=tff', '-c:v', 'mpeg2video'],
        ...['-flags', '+ildct+ilme', '-top', '1', '-q:v', '2'],
      ],
      source,
    )
    assert.deepEqual(clip.header.conversions, ['deinterlaced'])
    const { pixels } = await framesAt(media.clips, clip, [0.4])
    const woven = execFileSync('ffmpeg', [
      ...['-v', 'error', '-i', dir.path('fields.mpg'), '-vf', 'select=eq(n\\,10)'],
      ...['-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'gray', '-'],
    ])
    assert.ok(combing(pixels.subarray(0, 64 * 64)) < (0.4 * combing(woven)) / 255)
  })

  it('in SDR where they are HDR', async () => {
    const args = [
      '-c:v',
      'ffv1',
      '-pix_fmt',
      'yuv420p10',
      '-color_trc',
      'smpte2084',
      '-color_primaries',
      'bt2020',
      '-colorspace',
      'bt2020nc',
    ]
    // PQ codes of 100 nits on all of the picture: dark where they are taken for SDR.
    const source =
      "nullsrc=size=64x64:rate=5:duration=1,format=yuv420p10,geq=lum='64+876*0.508':cb=512:cr=512"
    const clip = await make('pq.mkv', args, source)
    const [said] = clip.header.conversions
    assert.match(said!, /^HDR \(PQ\) (→ SDR|read as SDR)/)
    const { pixels } = await framesAt(media.clips, clip, [0])
    if (said!.includes('→')) assert.ok(pixels[0]! > 0.6 && pixels[0]! <= 1, `${pixels[0]}`)
  })

  it('of 10 bits, of 4:4:4 and grey; with alpha on white, or without it where a family drops it', async () => {
    for (const [name, args] of [
      ['ten.mp4', ['-c:v', 'libx264', '-pix_fmt', 'yuv420p10le']],
      ['full.mp4', ['-c:v', 'libx264', '-pix_fmt', 'yuv444p']],
    ] as const) {
      assert.equal(await quarters(await make(name, args)), 'rgbw', name)
    }
    const grey = await make('grey.mkv', ['-c:v', 'ffv1', '-pix_fmt', 'gray'])
    assert.deepEqual(grey.header.conversions, [])
    const half =
      "nullsrc=size=64x64:rate=5:duration=1,format=gbrap,geq=r=255:g=0:b=0:a='255*gte(X,W/2)'"
    const clip = await make('alpha.mov', ['-c:v', 'qtrle', '-pix_fmt', 'argb'], half)
    assert.deepEqual(clip.header.conversions, ['alpha on white'])
    assert.equal(await quarters(clip), 'wrwr')
    const dropped = await framesAt(media.clips, clip, [0], { ...AS_IT_IS, alpha: 'dropped' })
    const area = AS_IT_IS.size ** 2
    assert.equal(dropped.pixels[area + 16], 0)
  })

  for (const [codec, extra] of [
    ['libvpx', []],
    ['libvpx-vp9', ['-row-mt', '0', '-cpu-used', '8']],
  ] as const) {
    it(`with the alpha that WebM has beside the pictures of ${codec}`, async () => {
      const half =
        "nullsrc=size=96x64:rate=5:duration=1,format=gbrap,geq=r=255:g=0:b=0:a='255*gte(X,W/2)'"
      const coding = ['-c:v', codec, '-pix_fmt', 'yuva420p', '-auto-alt-ref', '0', '-b:v', '1M']
      const clip = await make(`${codec}.webm`, [...coding, ...extra], half)
      assert.deepEqual(clip.header.conversions, ['alpha on white'])
      assert.equal(await quarters(clip), 'wrwr')
      const dropped = await framesAt(media.clips, clip, [0.2], { ...AS_IT_IS, alpha: 'dropped' })
      assert.equal(dropped.pixels.length, 3 * AS_IT_IS.size ** 2)
    })
  }

  it('at the keyframes and the scenes of a window', async () => {
    await ffmpeg([
      ...['-f', 'lavfi', '-i', 'color=red:size=64x64:rate=25:duration=2'],
      ...['-f', 'lavfi', '-i', 'color=blue:size=64x64:rate=25:duration=2'],
      ...['-f', 'lavfi', '-i', 'color=white:size=64x64:rate=25:duration=2'],
      ...[
        '-filter_complex',
        '[0][1][2]concat=n=3',
        ...X264,
        '-x264-params',
        'scenecut=0:keyint=40',
        dir.path('scenes.mp4'),
      ],
    ])
    const clip = await load('scenes.mp4')
    const { clips } = media
    const keys = await clips.keyframes(clip, { start: 0, end: 6 }, 'video', NEVER)
    assert.deepEqual(keys, [0, 1.6, 3.2, 4.8])
    assert.deepEqual(
      await clips.keyframes(clip, { start: 1.6, end: 4 }, 'video', NEVER),
      [1.6, 3.2],
    )
    assert.deepEqual(await clips.scenes(clip, { start: 0, end: 6 }, 'video', NEVER), [2, 4])
    assert.deepEqual(await clips.scenes(clip, { start: 2.5, end: 6 }, 'video', NEVER), [4])
  })

  it('with what the container says: sound, rate, length, frames', async () => {
    await ffmpeg([
      '-f',
      'lavfi',
      '-i',
      numbered('30000/1001', 2),
      '-f',
      'lavfi',
      '-i',
      'sine=duration=2',
      ...X264,
      '-c:a',
      'aac',
      dir.path('sound.mp4'),
    ])
    const { header, byteLength, sha256 } = await load('sound.mp4')
    assert.equal(header.hasSound, true)
    assert.equal(header.codec, 'h264')
    assert.match(header.format, /mp4/)
    assert.ok(Math.abs(header.fps - 29.97) < 0.01)
    assert.ok(Math.abs(header.duration - 2) < 0.05)
    assert.equal(header.frames, 60)
    assert.equal(byteLength, (await stat(dir.path('sound.mp4'))).size)
    assert.match(sha256, /^[0-9a-f]{64}$/)
  })
})

/** How much rows of 64 pixels differ from the next ones. */
function combing(pixels: ArrayLike<number>): number {
  let sum = 0
  for (let index = 0; index < 62 * 64; index++)
    sum += Math.abs(pixels[index]! - pixels[index + 64]!)
  return sum
}
