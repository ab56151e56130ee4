/**
 * What a server remembers of pictures, and for whom: the second question about one costs no tower, also after a restart, and
 * nobody can tell from the time of an answer what another tenant has shown.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import sharp from 'sharp'
import type { RunningServer } from '../../src/main.ts'
import { metric, startTestServer } from '../support/server.ts'

const folder = mkdtempSync(join(tmpdir(), 'aerie-caches-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const KEYS_FILE = join(folder, 'keys')
writeFileSync(KEYS_FILE, 'alice:alices-key\nbob:bobs-key\n')
/** Another model than the starter, whose pictures take five positions. */
const CLIPS = resolve(import.meta.dirname, '../fixtures/vila/video-nvila/checkpoint')
let caches = 0
const newCache = () => join(folder, `cache-${caches++}`)

/** A small picture unlike all others, as a data: URI. */
async function picture(number: number, side = 96): Promise<string> {
  const pixels = new Uint8Array(side * side * 3)
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i * (number + 3)) % 251
  const raw = { width: side, height: side, channels: 3 } as const
  const bytes = await sharp(pixels, { raw }).png().toBuffer()
  return `data:image/png;base64,${bytes.toString('base64')}`
}

interface Asked {
  readonly text: string
  readonly ms: number
  readonly cachedTokens: number
  readonly images: readonly {
    readonly cached: boolean
    readonly cache?: string
    readonly conversions: readonly string[]
    readonly timings_ms: Record<string, number>
  }[]
}

async function ask(
  { url, models }: RunningServer,
  pictures: readonly string[],
  question: string,
  { key = 'alices-key', more = {} }: { key?: string; more?: object } = {},
): Promise<Asked> {
  const content = [
    ...pictures.map((url) => ({ type: 'image_url', image_url: { url } })),
    { type: 'text', text: question },
  ]
  const body = JSON.stringify({
    model: models[0]!.id,
    messages: [{ role: 'user', content }],
    ...{ max_tokens: 8, temperature: 0, aerie: { explain: true }, ...more },
  })
  const startedAt = performance.now()
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
  const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
  const answer = (await response.json()) as {
    error?: object
    choices: { message: { content: string } }[]
    usage: { prompt_tokens_details: { cached_tokens: number } }
    aerie: { images: Asked['images'] }
  }
  assert.equal(response.status, 200, JSON.stringify(answer.error))
  return {
    text: answer.choices[0]!.message.content,
    ms: performance.now() - startedAt,
    cachedTokens: answer.usage.prompt_tokens_details.cached_tokens,
    images: answer.aerie.images,
  }
}

async function counts({ url }: RunningServer) {
  const of = async (name: string) => (await metric(url, `aerie_encoder_${name}`)) ?? Number.NaN
  return {
    tiles: (await metric(url, 'aerie_tiles_encoded_total'))!,
    hits: await of('cache_hits_total'),
    misses: await of('cache_misses_total'),
    diskHits: await of('disk_cache_hits_total'),
    diskMisses: await of('disk_cache_misses_total'),
  }
}

/** A server that is closed at the end of `use`; its metrics need no key where its requests do. */
async function withServer<T>(
  flags: Readonly<Record<string, unknown>>,
  use: (server: RunningServer) => Promise<T>,
): Promise<T> {
  const server = await startTestServer(flags)
  try {
    return await use(server)
  } finally {
    await server.close()
  }
}

/** `aerie serve` in a process of its own, to be killed by SIGKILL. */
async function startProcess(flags: readonly string[]) {
  const aerie = resolve(import.meta.dirname, '../../bin/aerie.js')
  const args = [aerie, 'serve', '--port', '0', '--log-level', 'error', ...flags]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const piece of child.stdout.setEncoding('utf8')) {
    said += piece
    const url = /(http:\/\/[\w.:]+)\/v1/.exec(said)?.[1]
    if (!url) continue
    const kill = async () => {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    }
    return { url, kill }
  }
  throw new Error(`no server: ${said}`)
}

/** Keys are known and not required, so that metrics can be read without. */
const TENANTS = { apiKeysFile: KEYS_FILE, requireApiKey: false }
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

describe('a picture that was seen before a restart', () => {
  it('is not encoded again, and the answer is the same and comes sooner', async () => {
    const flags = { encoderDiskCacheDir: newCache() }
    const pictures = await Promise.all(numbers(5).map((i) => picture(i)))
    const warmUp = await picture(99)
    const round = (server: RunningServer) =>
      pictures.reduce<Promise<Asked[]>>(
        async (before, one) => [...(await before), await ask(server, [one], 'what is it?')],
        ask(server, [warmUp], 'what is it?').then(() => []),
      )
    const first = await withServer(flags, async (server) => {
      const answers = await round(server)
      assert.deepEqual(await counts(server), {
        tiles: 6,
        hits: 0,
        misses: 6,
        diskHits: 0,
        diskMisses: 6,
      })
      return answers
    })
    const second = await withServer(flags, async (server) => {
      const answers = await round(server)
      assert.deepEqual(await counts(server), {
        tiles: 0,
        hits: 0,
        misses: 0,
        diskHits: 6,
        diskMisses: 0,
      })
      await ask(server, [pictures[0]!], 'and its colour?')
      assert.equal((await counts(server)).hits, 1)
      return answers
    })
    assert.deepEqual(
      second.map(({ text }) => text),
      first.map(({ text }) => text),
    )
    for (const [i, { images }] of second.entries()) {
      const [seen] = images
      assert.deepEqual([seen!.cached, seen!.cache], [true, 'disk'])
      assert.ok(seen!.timings_ms['disk']! > 0)
      assert.equal(seen!.timings_ms['encode'], undefined)
      assert.deepEqual(seen!.conversions, first[i]!.images[0]!.conversions)
      assert.deepEqual(
        [first[i]!.images[0]!.cached, first[i]!.images[0]!.cache],
        [false, undefined],
      )
    }
    // The fastest of each, as a machine that does other things only adds to what the work takes.
    const [before, now] = [first, second].map((answers) => Math.min(...answers.map(({ ms }) => ms)))
    assert.ok(now! < before!, `${now} ms after the restart, ${before} ms before`)
  })

  it('is encoded again when its file was damaged, or the cache is of another model', async () => {
    const cache = newCache()
    const flags = { encoderDiskCacheDir: cache }
    const seen = await picture(1)
    const text = await withServer(
      flags,
      async (server) => (await ask(server, [seen], 'what?')).text,
    )
    const files = join(cache, 'features')
    const [file] = readdirSync(files)
    assert.equal(statSync(join(files, file!)).mode & 0o777, 0o600)
    assert.equal(statSync(files).mode & 0o777, 0o700)
    truncateSync(join(files, file!), 100)
    await withServer(flags, async (server) => {
      assert.equal((await ask(server, [seen], 'what?')).text, text)
      assert.equal((await counts(server)).tiles, 1)
      assert.equal(await metric(server.url, 'aerie_encoder_disk_cache_rejected_total'), 1)
    })
    await withServer({ ...flags, model: CLIPS }, async (server) => {
      await ask(server, [seen], 'what?')
      const { tiles, diskHits } = await counts(server)
      assert.deepEqual([tiles, diskHits], [1, 0])
    })
  })

  it('is not embedded again either, by a tower that is served alone', async () => {
    const model = resolve(
      import.meta.dirname,
      '../fixtures/radio/radio-v25-norm-adaptors/checkpoint',
    )
    const flags = { model, encoderDiskCacheDir: newCache() }
    const input = await picture(1, 64)
    const embed = async ({ url, models }: RunningServer) => {
      const body = JSON.stringify({ model: models[0]!.id, input, aerie: {} })
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`${url}/v1/embeddings`, { method: 'POST', headers, body })
      assert.equal(response.status, 200)
      const { data } = (await response.json()) as {
        data: { embedding: number[]; aerie: { cached: boolean } }[]
      }
      return data[0]!
    }
    const before = await withServer(flags, embed)
    const now = await withServer(flags, embed)
    assert.deepEqual([before.aerie.cached, now.aerie.cached], [false, true])
    assert.deepEqual(now.embedding, before.embedding)
  })

  it('survives the death of the server at any moment', async () => {
    const cache = newCache()
    const seen = await picture(1)
    const flags = ['--encoder-disk-cache-dir', cache]
    const text = await withServer({}, async (server) => (await ask(server, [seen], 'what?')).text)
    const isWritten = () =>
      readdirSync(join(cache, 'features')).some((name) => !name.endsWith('.tmp'))
    for (const moment of ['at once', 'when it is written']) {
      const { url, kill } = await startProcess(flags)
      const server = { url, models: [{ id: 'starter' }] } as unknown as RunningServer
      assert.equal((await ask(server, [seen], 'what?')).text, text)
      while (moment !== 'at once' && !isWritten()) await delay(5)
      await kill()
    }
    await withServer({ encoderDiskCacheDir: cache }, async (server) => {
      const { text: now, images } = await ask(server, [seen], 'what?')
      assert.equal(now, text)
      assert.equal(images[0]!.cache, 'disk')
      assert.equal(await metric(server.url, 'aerie_encoder_disk_cache_rejected_total'), 0)
    })
  })

  it('is served as well by a cache that cannot be written', async () => {
    const cache = newCache()
    writeFileSync(cache, 'a file where the directory should be')
    await withServer({ encoderDiskCacheDir: cache }, async (server) => {
      await ask(server, [await picture(1)], 'what?')
      assert.equal((await ask(server, [await picture(1)], 'and?')).images[0]!.cache, 'memory')
    })
  })
})

describe('a tenant', () => {
  it('cannot tell by time, count or usage what another one has shown', async () => {
    const flags = { ...TENANTS, encoderDiskCacheDir: newCache() }
    const pictures = await Promise.all(numbers(18).map((i) => picture(i)))
    await withServer(flags, async (server) => {
      for (const key of ['alices-key', 'bobs-key'])
        await ask(server, [await picture(99)], 'what is it?', { key })
      const first: Record<string, number[]> = { leads: [], follows: [] }
      const again: number[] = []
      for (const [i, one] of pictures.entries()) {
        // Who is first takes turns, so that neither the key nor the machine's mood decides.
        const [leads, follows] = i % 2 ? ['alices-key', 'bobs-key'] : ['bobs-key', 'alices-key']
        const before = await counts(server)
        first['leads']!.push((await ask(server, [one], 'what is it?', { key: leads! })).ms)
        const late = await ask(server, [one], 'what is it?', { key: follows! })
        first['follows']!.push(late.ms)
        assert.deepEqual([late.cachedTokens, late.images[0]!.cached], [0, false])
        const now = await counts(server)
        assert.equal(now.misses - before.misses, 2)
        assert.equal(now.hits - before.hits + now.diskHits - before.diskHits, 0)
        const same = await ask(server, [one], 'what is it?', { key: follows! })
        assert.ok(same.cachedTokens > 0 && same.images[0]!.cached)
        again.push(same.ms)
      }
      const [leads, follows] = [first['leads']!, first['follows']!]
      // On a scale from what is known (0) to what nobody knows (1), whatever the machine: a cache that is shared gives 0.
      const known = median(again)
      const place = (median(follows) - known) / (median(leads) - known)
      assert.ok(place > 0.5 && place < 3, `${place} of the way from known to unknown`)
      assert.ok(median(leads) > 1.5 * known, 'and what is known shows')
    })
  })

  it('cannot reach what another one has on disk', async () => {
    const flags = { ...TENANTS, encoderDiskCacheDir: newCache() }
    const pictures = await Promise.all(numbers(3).map((i) => picture(i)))
    await withServer(flags, async (server) => {
      for (const one of pictures) await ask(server, [one], 'what?')
    })
    await withServer(flags, async (server) => {
      const key = 'bobs-key'
      for (const one of pictures)
        assert.equal((await ask(server, [one], 'what?', { key })).images[0]!.cached, false)
      const { tiles, diskHits, diskMisses } = await counts(server)
      assert.deepEqual([tiles, diskHits, diskMisses], [3, 0, 3])
      for (const one of pictures)
        assert.equal((await ask(server, [one], 'what?')).images[0]!.cache, 'disk')
    })
  })

  it('gains nothing by another one’s cache key', async () => {
    await withServer(TENANTS, async (server) => {
      const one = await picture(1)
      await ask(server, [one], 'what is it?', { more: { prompt_cache_key: 'mine' } })
      for (const cacheKey of ['mine', 'alice\nmine', 'alice']) {
        const more = { prompt_cache_key: cacheKey }
        const { cachedTokens } = await ask(server, [one], 'what is it?', { key: 'bobs-key', more })
        assert.equal(cachedTokens, 0, cacheKey)
      }
      const { cachedTokens } = await ask(server, [one], 'what is it?', {
        more: { prompt_cache_key: 'mine' },
      })
      assert.ok(cachedTokens > 0)
    })
  })
})

describe('a clip of 64 frames', () => {
  it('is encoded once for fifty questions, however they come, and not at all after a restart', async () => {
    const flags = { model: CLIPS, maxImagesPerRequest: 64, encoderDiskCacheDir: newCache() }
    const frames = await Promise.all(numbers(64).map((i) => picture(i, 56)))
    const question = (i: number) => `Question ${i}: what happens?`
    const more = { max_tokens: 2 }
    await withServer(flags, async (server) => {
      // Two at once, of whom each joins the other's frames; then the rest, a few at a time.
      await Promise.all([0, 1].map((i) => ask(server, frames, question(i), { more })))
      for (let i = 2; i < 50; i += 4) {
        const cached = await Promise.all(
          numbers(4).map((j) => ask(server, frames, question(i + j), { more })),
        )
        for (const { cachedTokens } of cached) assert.ok(cachedTokens > 0)
      }
      const { tiles, hits, misses } = await counts(server)
      assert.deepEqual({ tiles, misses, hits }, { tiles: 64, misses: 64, hits: 49 * 64 })
    })
    await withServer(flags, async (server) => {
      await ask(server, frames, question(51), { more })
      assert.equal((await counts(server)).tiles, 0)
      assert.equal((await counts(server)).diskHits, 64)
    })
  })
})
