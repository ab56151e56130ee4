/** Clips between the media room and the towers: what is loaded is given back, what is known is not decoded, the rest in windows. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { timedPictures } from '../../models/video/plain.ts'
import type { VideoRule } from '../../models/video/rule.ts'
import { nvilaVideo } from '../../models/vila/video.ts'
import type { ChatMessage, VideoPart } from '../../src/chat/contract.ts'
import { encodeVideos } from '../../src/chat/encode-videos.ts'
import type { ServedModel } from '../../src/chat/model.ts'
import { USUAL_SAMPLING } from '../../src/chat/video-files.ts'
import { loadVideos, releaseVideo } from '../../src/chat/videos.ts'
import type { EncodeRequest, Features } from '../../src/engine/types.ts'
import { AerieError } from '../../src/errors.ts'
import type { Media } from '../../src/media/types.ts'
import type { LoadedClip } from '../../src/media/video/contract.ts'

const SIZE = 2
const NEVER = new AbortController().signal

/** A room whose clips are called by their data, and whose frames are filled with their times. */
class NumberClips {
  readonly held = new Set<LoadedClip>()
  readonly prepared: number[][] = []
  atOnce = 0
  most = 0
  failAt = Number.POSITIVE_INFINITY

  async load({ from }: { from: { base64?: string } }): Promise<LoadedClip> {
    if (from.base64 === 'broken') throw new AerieError('invalid_media', 'broken')
    const clip: LoadedClip = {
      header: {
        ...{ format: 'mov', codec: 'h264', width: 4, height: 4, conversions: ['turned by 90°'] },
        ...{ duration: 100, fps: 10, frames: 1000, hasSound: false },
      },
      byteLength: 7,
      sha256: createHash('sha256').update(from.base64!).digest('hex'),
      fetchMs: 0,
    }
    this.held.add(clip)
    return clip
  }

  async prepare(_: LoadedClip, times: readonly number[]) {
    this.prepared.push([...times])
    this.most = Math.max(this.most, ++this.atOnce)
    await delay(2)
    this.atOnce--
    if (times.some((time) => time >= this.failAt)) throw new AerieError('invalid_media', 'torn')
    const perFrame = 3 * SIZE * SIZE
    const pixels = Float32Array.from({ length: times.length * perFrame }, (_, i) =>
      Math.fround(times[Math.floor(i / perFrame)]!),
    )
    return { pixels, times, conversions: [], decodeMs: 1, preprocessMs: 1 }
  }

  release(clip: LoadedClip): void {
    this.held.delete(clip)
  }
}

/** Towers whose features are the first pixel of each frame. */
class FirstPixels {
  readonly cache = new Map<string, Features>()
  readonly encoded: EncodeRequest[] = []

  async lookup(key: string) {
    const features = this.cache.get(key)
    return features && { features, from: 'memory' as const, readMs: 0 }
  }

  async encode(request: EncodeRequest) {
    this.encoded.push(request)
    const { key, pixels, seconds, conversions } = request
    const data = Float32Array.of(pixels[0]!)
    const features = { key, data, rows: 1, seconds, conversions } as Features
    this.cache.set(key, features)
    return { features, cached: false, queueMs: 0, encodeMs: 1 }
  }
}

function rooms({
  rule = timedPictures,
  maxFrames = 300,
}: {
  rule?: VideoRule
  maxFrames?: number
} = {}) {
  const clips = new NumberClips()
  const towers = new FirstPixels()
  const model = {
    id: 'm',
    videoRule: rule,
    preprocessing: { size: SIZE },
    limits: { tokensPerTile: 1, maxImages: 4 },
    ...{ maxFrames, maxVideos: 3, digest: 'd', systemFingerprint: 'f' },
    visionEncoder: towers,
  } as unknown as ServedModel
  return { clips, towers, model, media: { clips } as unknown as Media }
}

const clip = (base64: string, sampling: Partial<VideoPart['sampling']> = {}): VideoPart => ({
  type: 'video',
  from: { base64 },
  sampling: { ...USUAL_SAMPLING, ...sampling },
  ...{ param: base64, samplingParam: base64 },
})
const said = (...content: VideoPart[]): ChatMessage[] => [
  { role: 'user', name: undefined, content },
]

async function see(
  { model, media }: ReturnType<typeof rooms>,
  parts: VideoPart[],
  tenant = 'alice',
) {
  const videos = await loadVideos(model, media, said(...parts), NEVER)
  try {
    return await encodeVideos(model, media, videos, tenant, NEVER)
  } finally {
    for (const video of videos) releaseVideo(media, video)
  }
}

describe('frames of a clip', () => {
  it('are decoded sixteen at a time, two windows at once, and each has its own pixels', async () => {
    const all = rooms()
    const [seen] = await see(all, [clip('a', { maxFrames: 100 })])
    assert.deepEqual(
      all.clips.prepared.map(({ length }) => length),
      [16, 16, 16, 16, 16, 16, 4],
    )
    assert.equal(all.clips.most, 2)
    assert.equal(seen!.seen.times.length, 100)
    assert.deepEqual(
      seen!.groups.map(({ data }) => data[0]),
      seen!.seen.times.map(Math.fround),
    )
    assert.equal(all.towers.encoded[0]!.pixels.buffer.byteLength, 3 * SIZE * SIZE * 4)
    assert.deepEqual(seen!.seen.shown, seen!.seen.times)
    assert.deepEqual(seen!.seen.conversions, ['turned by 90°'])
  })

  it('that are known are not decoded, whichever question they come with; another tenant’s are unknown', async () => {
    const all = rooms()
    await see(all, [clip('a', { times: [1, 2, 3] })])
    const [again] = await see(all, [clip('a', { times: [1, 2, 3] })])
    assert.equal(again!.seen.cachedFrames, 3)
    const [more] = await see(all, [clip('a', { times: [2, 3, 4] })])
    assert.equal(more!.seen.cachedFrames, 2)
    await see(all, [clip('b', { times: [1] })])
    const [others] = await see(all, [clip('a', { times: [1] })], 'bob')
    assert.equal(others!.seen.cachedFrames, 0)
    assert.deepEqual(all.clips.prepared, [[1, 2, 3], [4], [1], [1]])
    assert.equal(all.clips.held.size, 0)
  })

  it('that are pooled are computed and kept by groups', async () => {
    const encoder = { ...{ before: '', after: '', separator: '' }, pools: [[4, 1, 1] as const] }
    const rule = nvilaVideo({ encoder, frames: 8, fps: 0 }, 1)
    const all = rooms({ rule })
    const [seen] = await see(all, [clip('a', { times: [1, 2, 3, 4, 5] })])
    // The last is shown again until its group is full.
    assert.deepEqual(seen!.seen.times, [1, 2, 3, 4, 5, 5, 5, 5])
    assert.deepEqual(all.clips.prepared, [[1, 2, 3, 4, 5, 5, 5, 5]])
    assert.deepEqual(
      all.towers.encoded.map(({ pooled, pixels }) => [pooled!.frames, pixels[0]]),
      [
        [4, 1],
        [4, 5],
      ],
    )
    const [again] = await see(all, [clip('a', { times: [1, 2, 3, 4] })])
    assert.equal(again!.seen.cachedFrames, 4)
    assert.equal(again!.seen.tokens, 1)
  })
})

describe('what was loaded', () => {
  it('is given back when another clip, or the whole of them, is refused', async () => {
    const all = rooms({ maxFrames: 10 })
    const load = (...parts: VideoPart[]) => loadVideos(all.model, all.media, said(...parts), NEVER)
    await assert.rejects(load(clip('a'), clip('broken')), { code: 'invalid_media' })
    await assert.rejects(load(clip('a'), clip('b')), {
      code: 'media_too_large',
      message: /^b: 16 frames of 2 clips, limit is 10 together/,
    })
    await assert.rejects(load(clip('a', { start: 200 })), { param: 'a.start' })
    await assert.rejects(load(clip('a'), clip('a'), clip('a'), clip('a')), {
      code: 'media_too_large',
    })
    assert.equal(all.clips.held.size, 0)
  })

  it('stops being decoded when a window fails', async () => {
    const all = rooms()
    all.clips.failAt = 10
    await assert.rejects(see(all, [clip('a', { maxFrames: 160 })]), { message: 'torn' })
    assert.ok(all.clips.prepared.length <= 4, String(all.clips.prepared.length))
    assert.equal(all.clips.held.size, 0)
  })
})
