/** Where scenes begin, in clips that ffmpeg draws: cuts of small things are found, and whatever else changes a picture is none. */
import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { Media } from '../../../src/media/types.ts'
import type { ClipWindow, LoadedClip } from '../../../src/media/video/contract.ts'
import { NEVER } from '../pictures.ts'
import { type ClipFolder, clipFolder, ffmpeg, mediaForClips, NO_FFMPEG } from './clips.ts'

const RATE = 20
const X264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-crf', '20']

/** Seconds of a thing on a ground, as a filter. */
const drawn = (draw: string, seconds = 1, ground = 'white', rate = RATE) =>
  `color=${ground}:s=160x160:r=${rate}:d=${seconds},format=yuv444p,${draw}`
const box = (color: string, x: number, y: number, size: number) =>
  `drawbox=${x}:${y}:${size}:${size}:${color}:fill`
const circle = (radius: number) => {
  const inside = `lt(hypot(X-80,Y-80),${radius})`
  return `geq=lum='if(${inside},82,235)':cb='if(${inside},90,128)':cr='if(${inside},240,128)'`
}
/** One behind the other. */
const joined = (...scenes: readonly string[]) =>
  `${scenes.map((scene, i) => `${scene}[s${i}]`).join(';')};${scenes.map((_, i) => `[s${i}]`).join('')}concat=n=${scenes.length}`
const texture = (seconds: number) => `testsrc2=s=160x160:r=${RATE}:d=${seconds},format=yuv444p`
/** Something still with much to see. */
const still = (seconds: number) =>
  `mandelbrot=s=480x480:r=${RATE},select='eq(n,0)',loop=-1:1,setpts=N/${RATE}/TB,trim=end=${seconds}`
const over = (background: string, thing: string, x: string, y: string) =>
  `${background}[ground];${thing}[thing];[ground][thing]overlay=x='${x}':y='${y}':shortest=1`

describe('a scene begins', { skip: NO_FFMPEG }, () => {
  let dir: ClipFolder
  let media: Media
  before(async () => {
    dir = await clipFolder()
    // Minutes, on a machine that does other things.
    media = await mediaForClips({ clips: { timeoutMs: 500_000 } })
  })
  after(async () => {
    await media.dispose()
    await dir[Symbol.asyncDispose]()
  })

  async function make(graph: string, args: readonly string[] = X264): Promise<LoadedClip> {
    const path = dir.path('clip.mkv')
    await ffmpeg(['-filter_complex', graph, ...args, path])
    const { size: byteLength } = await stat(path)
    return await media.clips.load({ from: { path, byteLength }, param: 'video' }, NEVER)
  }
  const scenesOf = (clip: LoadedClip, window: ClipWindow = { start: 0, end: 1000 }) =>
    media.clips.scenes(clip, window, 'video', NEVER)

  const CUTS: Readonly<Record<string, readonly [graph: string, at: number]>> = {
    'where a circle becomes a square of the same colour': [
      joined(drawn(circle(45)), drawn(box('red', 40, 40, 80))),
      1,
    ],
    'where a square takes another colour': [
      joined(drawn(box('red', 40, 40, 80)), drawn(box('blue', 40, 40, 80))),
      1,
    ],
    'where a small thing is somewhere else': [
      joined(drawn(box('red', 20, 20, 24)), drawn(box('red', 110, 110, 24))),
      1,
    ],
    'where a thing is gone': [joined(drawn(box('red', 40, 40, 40)), drawn('null')), 1],
    'in one frame a second': [
      joined(
        drawn(box('red', 40, 40, 80), 4, 'white', 1),
        drawn(box('blue', 40, 40, 80), 4, 'white', 1),
      ),
      4,
    ],
    'behind noise': [
      `${joined(drawn(box('red', 40, 40, 80)), drawn(box('blue', 40, 40, 80)))},noise=alls=30:allf=t`,
      1,
    ],
    'in the dark': [
      joined(
        drawn(box('0x301010', 40, 40, 80), 1, 'black'),
        drawn(box('0x101050', 40, 40, 80), 1, 'black'),
      ),
      1,
    ],
    'between pictures that move': [
      joined(texture(1), `life=s=160x160:r=${RATE}:ratio=0.3:seed=1,trim=end=1,format=yuv444p`),
      1,
    ],
    // A limit: what has moved further than it is looked for is new.
    'where a still picture jumps aside': [`${still(2)},crop=160:160:x='120+40*gte(t,1)':y=160`, 1],
    'where a cut is mixed into one frame': [
      `${drawn(box('red', 40, 40, 80), 2)}[a];${texture(2)}[b];[a][b]xfade=duration=0.05:offset=1`,
      1,
    ],
  }
  for (const [where, [graph, at]] of Object.entries(CUTS)) {
    it(where, async () => {
      const found = await scenesOf(await make(graph))
      assert.equal(found.length, 1, `${found}`)
      assert.ok(Math.abs(found[0]! - at) <= 1.01 / RATE, `${found}`)
    })
  }

  const NONE: Readonly<Record<string, string>> = {
    'while a picture pans': `${still(2)},crop=160:160:x='n*6':y=100`,
    'while it zooms': `${still(2)},crop=160:160,zoompan=z='1+0.03*on':d=1:x='iw/2-iw/zoom/2':y='ih/2-ih/zoom/2':s=160x160:fps=${RATE}`,
    'while a thing moves fast': over(
      drawn('null', 2),
      drawn('crop=30:30,negate', 2),
      't*150-20',
      '60',
    ),
    'while a thing moves by jerks': `${over(drawn('null', 2, 'white', 4), drawn('crop=30:30,negate', 2, 'white', 4), 't*60', '60')},fps=${RATE}`,
    'in noise': `${drawn(box('red', 40, 40, 80), 2)},noise=alls=60:allf=t`,
    'in a flash': `${texture(2)},drawbox=0:0:160:160:white:fill:enable='between(n,20,21)'`,
    'in a flash that dies away': `${drawn(box('red', 40, 40, 80), 2)},geq=lum='lum(X,Y)+(235-lum(X,Y))*gte(N,20)*exp(-(N-20)/3)':cb='cb(X,Y)':cr='cr(X,Y)'`,
    'while a picture fades away and back': `${texture(3)},fade=t=out:st=0.5:d=0.5,fade=t=in:st=1.5:d=0.5`,
    'while one picture becomes another': `${drawn(box('red', 40, 40, 80), 2)}[a];${texture(2)}[b];[a][b]xfade=duration=1:offset=0.5`,
    'in a slow wipe': `${still(2)},crop=160:160[a];${texture(2)}[b];[a][b]xfade=wipeleft:duration=1:offset=0.5`,
    'while a still picture jerks a little': `${still(2)},crop=160:160:x='120+8*gte(t,1)':y=160`,
    'where words appear in a picture': `${still(2)},crop=320:160,${"drawbox=60:135:200:15:white:fill:enable='gte(t,1)'"}`,
    'where a point blinks': `${drawn("drawbox=80:80:6:6:black:fill:enable='mod(floor(t*2),2)'", 3)}`,
  }
  for (const [when, graph] of Object.entries(NONE)) {
    it(`not ${when}`, async () => {
      assert.deepEqual(await scenesOf(await make(graph)), [])
    })
  }

  it('at the same times whichever windows are asked for', async () => {
    const colors = ['red', 'blue', 'green', 'black', 'orange', 'purple', 'gray', 'cyan']
    const graph = joined(...colors.map((color) => drawn(box(color, 30, 30, 90), 0.9)))
    const expected = [0.9, 1.8, 2.7, 3.6, 4.5, 5.4, 6.3]
    for (const gop of ['10', '250']) {
      const clip = await make(graph, [...X264, '-g', gop, '-x264-params', 'scenecut=0'])
      assert.deepEqual(await scenesOf(clip), expected)
      for (const border of [0.9, 1.75, 4.5]) {
        const parts = [
          await scenesOf(clip, { start: 0, end: border }),
          await scenesOf(clip, { start: border, end: 7.2 }),
        ]
        assert.deepEqual(parts.flat(), expected, `cut at ${border}`)
      }
    }
  })

  it('in formats without an index, too', async () => {
    const graph = joined(
      ...['red', 'blue', 'green'].map((color) => drawn(box(color, 30, 30, 90), 2)),
    )
    const path = dir.path('clip.ts')
    await ffmpeg(['-filter_complex', graph, ...X264, '-g', '250', '-bf', '2', path])
    const { size: byteLength } = await stat(path)
    const clip = await media.clips.load({ from: { path, byteLength }, param: 'video' }, NEVER)
    assert.deepEqual(await scenesOf(clip, { start: 3, end: 6 }), [4])
  })
})
