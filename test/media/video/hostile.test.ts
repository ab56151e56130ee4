import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Media } from '../../../src/media/types.ts'
import type { LoadedClip } from '../../../src/media/video/contract.ts'
import { FETCH_LIMITS, NEVER, solid } from '../pictures.ts'
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

const X264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p']

const refused = (promise: Promise<unknown>, code: string, message: RegExp) =>
  assert.rejects(promise, (error: Error & { code?: string; param?: string }) => {
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    assert.equal(error.param, 'video')
    // Neither paths of the server nor its words about them.
    assert.doesNotMatch(error.message, /\/tmp|aerie-|file:/)
    return true
  })

/** Processes whose command line has this text. */
function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return line.includes(text) ? [`${pid}: ${line}`] : []
      } catch {
        return []
      }
    })
}

/** Found again among the processes of the machine. */
const SLEEP = `sleep 1000.${process.pid}`

async function noneWith(text: string): Promise<void> {
  for (let tries = 0; processesWith(text).length > 0 && tries < 200; tries++) await sleep(50)
  assert.deepEqual(processesWith(text), [])
}

describe('clips that are none', { skip: NO_FFMPEG }, () => {
  let dir: ClipFolder
  let media: Media
  let good: string
  let web: Server
  let address: string
  const requests: string[] = []
  before(async () => {
    dir = await clipFolder()
    await mkdir(dir.path('spool'))
    good = dir.path('good.mp4')
    await ffmpeg(['-f', 'lavfi', '-i', numbered(25, 2), ...X264, '-g', '10', good])
    web = createServer((request, response) => {
      requests.push(request.url!)
      response.writeHead(200, { 'content-type': 'video/mp2t' })
      if (request.url === '/good') return void readFile(good).then((bytes) => response.end(bytes))
      if (request.url === '/slow') {
        const timer = setInterval(() => response.write('x'), 50)
        return void response.on('close', () => clearInterval(timer))
      }
      const more = () => {
        while (response.writable && response.write(Buffer.alloc(65_536)));
      }
      response.on('drain', more)
      more()
    })
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    address = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
    media = await mediaForClips({
      fetch: { ...FETCH_LIMITS, allowHttp: true, allowPrivateAddresses: true },
      clips: {
        spoolFolder: dir.path('spool'),
        fetchTimeoutMs: 6000,
        maxSpoolBytes: 4_000_000,
        limits: {
          ...{ maxVideoBytes: 3_000_000, maxVideoSeconds: 100 },
          ...{ maxVideoPixels: 100_000, maxVideoFrames: 8 },
        },
      },
    })
  })
  after(async () => {
    await media.dispose()
    web.closeAllConnections()
    web.close()
    await dir[Symbol.asyncDispose]()
  })

  async function load(path: string): Promise<LoadedClip> {
    const { size: byteLength } = await stat(path)
    return await media.clips.load({ from: { path, byteLength }, param: 'video' }, NEVER)
  }
  const loadUrl = (url: string, signal = NEVER) =>
    media.clips.load({ from: { url }, param: 'video' }, signal)

  async function works(): Promise<void> {
    const clip = await load(good)
    assert.deepEqual(numbersIn(await framesAt(media.clips, clip, [1])), [25])
    media.clips.release(clip)
  }

  /** Files in the folder of the server's clips. */
  async function spooled(): Promise<string[]> {
    const all = await readdir(dir.path('spool'), { recursive: true })
    return all.filter((name) => name.includes('/'))
  }
  async function isSwept(): Promise<void> {
    for (let tries = 0; (await spooled()).length > 0 && tries < 100; tries++) await sleep(20)
    assert.deepEqual(await spooled(), [])
    assert.equal(media.clips.stats().spoolBytes, 0)
  }

  it('reach no address and no file that a playlist names', async () => {
    requests.length = 0
    const target = `${address}/inside.ts`
    const lists: Readonly<Record<string, string>> = {
      hls: `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${target}\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n`,
      key: `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-KEY:METHOD=AES-128,URI="${target}"\n#EXTINF:10,\nfile://${good}\n#EXT-X-ENDLIST\n`,
      concat: `ffconcat version 1.0\nfile '${good}'\nfile ${target}\nfile /etc/passwd\n`,
      dash: `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>${target}</BaseURL></Representation></AdaptationSet></Period></MPD>`,
      sdp: `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video ${new URL(target).port} RTP/AVP 96\na=rtpmap:96 H264/90000\n`,
      asx: `<asx version="3.0"><entry><ref href="${target}"/></entry></asx>`,
      subtitles: `1\n00:00:00,000 --> 00:00:01,000\n<img src="${target}">\n`,
    }
    for (const [name, text] of Object.entries(lists)) {
      const path = dir.path(name)
      await writeFile(path, text)
      await refused(load(path), 'invalid_media', /container that is not read|known format|document/)
      const data = Buffer.from(text).toString('base64')
      const inRequest = media.clips.load({ from: { base64: data }, param: 'video' }, NEVER)
      await refused(inRequest, 'invalid_media', /container that is not read|known format|document/)
    }
    assert.deepEqual(requests, [])
    await works()
  })

  it('are refused by what they are', async () => {
    const make = async (name: string, bytes: Uint8Array | string) => {
      await writeFile(dir.path(name), bytes)
      return dir.path(name)
    }
    const cover = await make('cover.png', await solid([1, 2, 3], 64, 64).png().toBuffer())
    const sound = ['-f', 'lavfi', '-i', 'sine=duration=1']
    await ffmpeg([...sound, dir.path('sound.mp3')])
    await ffmpeg([
      ...sound,
      '-i',
      cover,
      '-map',
      '0',
      '-map',
      '1',
      '-c:v',
      'copy',
      '-disposition:v',
      'attached_pic',
      dir.path('cover.m4a'),
    ])
    await ffmpeg(['-f', 'lavfi', '-i', numbered(25, 1), ...X264, dir.path('no-index.mp4')])
    await truncate(dir.path('no-index.mp4'), 1000)
    await ffmpeg([
      '-f',
      'lavfi',
      '-i',
      numbered(25, 1),
      ...X264,
      '-frames:v',
      '0',
      dir.path('no-frames.mkv'),
    ])
    const head = await readFile(good)
    const cases: readonly (readonly [path: string, code: string, message: RegExp])[] = [
      [await make('empty', ''), 'invalid_media', /is empty/],
      [
        await make('text', 'a text about a clip\n'.repeat(100)),
        'invalid_media',
        /known format|not read/,
      ],
      [await make('zeros', new Uint8Array(100_000)), 'invalid_media', /known format|not read/],
      [await make('head.mp4', head.subarray(0, 40)), 'invalid_media', /cut short/],
      [cover, 'invalid_media', /PNG picture, not a clip/],
      [dir.path('sound.mp3'), 'invalid_media', /not read|sound and no video/],
      [dir.path('cover.m4a'), 'invalid_media', /sound and a cover picture and no video/],
      [dir.path('no-index.mp4'), 'invalid_media', /index \(moov\)/],
      [dir.path('no-frames.mkv'), 'invalid_media', /no frames|no video|no size|known format/],
    ]
    for (const [path, code, message] of cases) await refused(load(path), code, message)
    await works()
  })

  it('are refused by their header where they would expand to more than is allowed', async () => {
    await ffmpeg([
      '-f',
      'lavfi',
      '-i',
      'color=size=640x480:rate=5:duration=2',
      ...X264,
      dir.path('wide.mp4'),
    ])
    await refused(
      load(dir.path('wide.mp4')),
      'media_too_large',
      /640×480, maxVideoPixels is 100000/,
    )
    // A hundred hours of nothing in a few kilobytes.
    await ffmpeg([
      '-f',
      'lavfi',
      '-i',
      'color=size=64x64:rate=1/1000:duration=360000',
      '-c:v',
      'mpeg4',
      dir.path('long.mkv'),
    ])
    assert.ok((await stat(dir.path('long.mkv'))).size < 100_000)
    await refused(load(dir.path('long.mkv')), 'media_too_large', /s long, maxVideoSeconds is 100/)
    // A GIF that claims a screen of 16384 × 16384.
    await ffmpeg(['-f', 'lavfi', '-i', numbered(10, 1), dir.path('screen.gif')])
    const gif = await readFile(dir.path('screen.gif'))
    gif.writeUInt16LE(16_384, 6)
    gif.writeUInt16LE(16_384, 8)
    await writeFile(dir.path('screen.gif'), gif)
    await assert.rejects(
      load(dir.path('screen.gif')),
      /maxVideoPixels|no size|known format|cannot be decoded/,
    )
    const clip = await load(good)
    const many = Array.from({ length: 9 }, (_, index) => index / 10)
    await refused(
      framesAt(media.clips, clip, many),
      'media_too_large',
      /9 frames.*maxVideoFrames is 8/,
    )
    await works()
  })

  it('are not fetched beyond their bounds, and leave nothing on disk', async () => {
    await refused(loadUrl(`${address}/endless`), 'media_too_large', /maxVideoBytes is 3000000/)
    await refused(
      loadUrl(`${address}/slow`),
      'media_fetch_failed',
      /within 6000 ms \(videoFetchTimeoutMs\)/,
    )
    await isSwept()
    // Two of three megabytes do not fit into the four of the folder: the second one is told to come again.
    const both = await Promise.allSettled([
      loadUrl(`${address}/endless`),
      loadUrl(`${address}/endless`),
    ])
    const codes = both.map((one) => (one.status === 'rejected' ? one.reason.code : 'loaded'))
    assert.ok(
      codes.every((code) => code === 'queue_full' || code === 'media_too_large'),
      codes.join(),
    )
    await isSwept()
    await works()
  })

  it('come by URL, data URI, base64 and path to the same clip, which goes when it is released', async () => {
    const base64 = (await readFile(good)).toString('base64')
    const sources = [
      { url: `${address}/good` },
      { url: `data:video/mp4;base64,${base64}` },
      { base64 },
      { path: good, byteLength: (await stat(good)).size },
    ]
    const clips = await Promise.all(
      sources.map((from) => media.clips.load({ from, param: 'video' }, NEVER)),
    )
    assert.equal(new Set(clips.map(({ sha256 }) => sha256)).size, 1)
    assert.match(clips[0]!.sha256, /^[0-9a-f]{64}$/)
    assert.equal((await spooled()).length, 3)
    assert.equal(media.clips.stats().spoolBytes, 3 * clips[0]!.byteLength)
    for (const clip of clips) {
      assert.deepEqual(numbersIn(await framesAt(media.clips, clip, [0.4])), [10])
      media.clips.release(clip)
      media.clips.release(clip)
    }
    await isSwept()
    assert.ok((await stat(good)).size > 0)
    await refused(loadUrl('data:image/png;base64,AAAA'), 'invalid_media', /media type video/)
    await refused(
      media.clips.load({ from: { base64: 'not base64!' }, param: 'video' }, NEVER),
      'invalid_media',
      /base64/,
    )
    await refused(
      load(good).then(() =>
        media.clips.load(
          { from: { path: dir.path('gone'), byteLength: 1 }, param: 'video' },
          NEVER,
        ),
      ),
      'not_found',
      /deleted meanwhile/,
    )
    await isSwept()
  })
})

describe('an ffmpeg that misbehaves', {
  skip: NO_FFMPEG || (process.platform !== 'linux' && 'looks into /proc'),
}, () => {
  let dir: ClipFolder
  let media: Media
  let good: string
  const BAD: Readonly<Record<string, string>> = {
    hangs: SLEEP,
    'hangs with children': `${SLEEP} & ${SLEEP}`,
    'writes for ever': 'while :; do echo 0123456789012345678901234567890123456789; done',
    'complains for ever': 'while :; do echo 0123456789 >&2; done',
  }
  before(async () => {
    dir = await clipFolder()
    good = dir.path('good.mp4')
    await ffmpeg(['-f', 'lavfi', '-i', numbered(25, 2), ...X264, '-g', '10', good])
    await mkdir(dir.path('spool'))
    for (const tool of ['ffmpeg', 'ffprobe']) {
      // Does what `bad` says, if it is there and the tool is asked for a clip.
      const script = `#!/bin/sh\ncase "$*" in *good.mp4*|*spool*) if [ -e ${dir.path(`${tool}.bad`)} ]; then . ${dir.path(`${tool}.bad`)}; fi;; esac\nexec ${tool} "$@"\n`
      await writeFile(dir.path(tool), script)
      await chmod(dir.path(tool), 0o755)
    }
    media = await mediaForClips({
      clips: {
        ...{ timeoutMs: 5000, spoolFolder: dir.path('spool') },
        ...{ ffmpeg: dir.path('ffmpeg'), ffprobe: dir.path('ffprobe') },
      },
    })
    // Whatever is looked at once is looked at before the clock matters.
    for (let tries = 0; tries < 10; tries++) {
      const isThere = await works().then(
        () => true,
        () => false,
      )
      if (isThere) break
    }
  })
  after(async () => {
    await media.dispose()
    await dir[Symbol.asyncDispose]()
  })

  async function load(): Promise<LoadedClip> {
    const { size: byteLength } = await stat(good)
    return await media.clips.load({ from: { path: good, byteLength }, param: 'video' }, NEVER)
  }
  async function works(): Promise<void> {
    const clip = await load()
    assert.deepEqual(numbersIn(await framesAt(media.clips, clip, [1])), [25])
  }
  /** On a machine that does other things a healthy call may take longer than the limit of this test, too. */
  async function worksAgain(): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return await works()
      } catch (error) {
        if (tries === 10 || !/videoTimeoutMs/.test(String(error))) throw error
      }
    }
  }

  for (const [what, script] of Object.entries(BAD)) {
    it(`${what}: it ends within its limit with everything it started, and the next clip is answered`, async () => {
      await writeFile(dir.path('ffprobe.bad'), script)
      await refused(load(), 'media_too_large', /videoTimeoutMs/).catch(async (error) => {
        // What writes without end may also be stopped for that.
        if (!/prints more|cannot be decoded/.test(String(error))) throw error
      })
      await rm(dir.path('ffprobe.bad'))
      await noneWith(SLEEP)
      await noneWith(dir.path('ffprobe'))
      await worksAgain()
    })
  }

  it('is stopped when the client goes away', async () => {
    let clip: LoadedClip | undefined
    while (!clip) clip = await load().catch(() => undefined)
    await writeFile(dir.path('ffmpeg.bad'), BAD['hangs']!)
    const abort = new AbortController()
    const asked = framesAt(media.clips, clip, [1], undefined, abort.signal)
    setTimeout(() => abort.abort(), 300)
    await assert.rejects(asked, (error: { code?: string }) => error.code === 'cancelled')
    await rm(dir.path('ffmpeg.bad'))
    await noneWith(SLEEP)
    await worksAgain()
  })
})

describe('without ffmpeg', () => {
  it('a clip is refused with what to install, and found when it is there', {
    skip: NO_FFMPEG,
  }, async () => {
    await using dir = await clipFolder()
    const good = dir.path('good.mp4')
    await ffmpeg(['-f', 'lavfi', '-i', numbered(25, 1), ...X264, good])
    const media = await mediaForClips({
      clips: { ffmpeg: dir.path('ffmpeg'), ffprobe: dir.path('ffprobe') },
    })
    try {
      const { size: byteLength } = await stat(good)
      const load = () =>
        media.clips.load({ from: { path: good, byteLength }, param: 'video' }, NEVER)
      await refused(load(), 'unsupported_media', /apt-get install ffmpeg/)
      for (const tool of ['ffmpeg', 'ffprobe']) {
        await writeFile(dir.path(tool), `#!/bin/sh\nexec ${tool} "$@"\n`, { mode: 0o755 })
      }
      assert.equal((await load()).header.codec, 'h264')
    } finally {
      await media.dispose()
    }
  })
})
