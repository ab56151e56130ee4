/** Sounds in a conversation as a user sends them: by the official client, with real files, against whole servers. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createReadStream, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { APIError } from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { writeHearingModel } from '../support/hearing-model.ts'
import { metric, pictureUri, startTestServer } from '../support/server.ts'
import { NO_FFMPEG } from '../support/shape-clip.ts'
import { saidSamples, wavFile } from '../support/speech-fixture.ts'

interface SoundSeen {
  readonly param: string
  readonly duration: number
  readonly tokens: number
  readonly windows?: number
  readonly format?: string
  readonly sha256?: string
  readonly cached?: boolean
  readonly timings_ms?: Readonly<Record<string, number>>
}
const soundsOf = (answer: object) =>
  (answer as { aerie?: { sounds?: readonly SoundSeen[] } }).aerie?.sounds ?? []

/** The client does not know all of our parts. */
const user = (...content: object[]): ChatCompletionMessageParam[] => [
  { role: 'user', content } as unknown as ChatCompletionMessageParam,
]
const question = { type: 'text', text: 'what is heard?' }
const heard = (bytes: Buffer, format = 'wav') => ({
  type: 'input_audio',
  input_audio: { data: bytes.toString('base64'), format },
})

/** Of 1.3 s: two whole windows of 0.64 s and 2 frames, 17 tokens. */
const SAID = wavFile(saidSamples().subarray(0, 20_800))
/** Half a second of another sound, 7 tokens. */
const TONE = wavFile(Float32Array.from({ length: 8000 }, (_, i) => Math.sin(i / 5) / 2))

describe('a sound in chat', () => {
  let model: string
  let server: RunningServer
  let client: OpenAI
  let checked: CheckedFetch
  const at = (name: string) => join(model, 'sounds', name)

  before(async () => {
    model = writeHearingModel()
    mkdirSync(join(model, 'sounds'))
    writeFileSync(at('said.wav'), SAID)
    server = await startTestServer({
      model,
      fetchAllowHttp: true,
      fetchAllowPrivateAddresses: true,
    })
    checked = await createCheckedFetch()
    client = clientOf('none')
  })
  after(async () => {
    await server.close()
    rmSync(model, { recursive: true })
    await checked.verify()
    assert.ok(checked.checked > 0)
  })

  const clientOf = (apiKey: string) =>
    new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0, fetch: checked.fetch })
  const name = () => server.models[0]!.id
  const ask = (content: object[], options: object = {}) =>
    client.chat.completions.create({
      model: name(),
      messages: user(...content, question),
      max_tokens: 4,
      temperature: 0,
      aerie: { explain: true },
      ...options,
    } as OpenAI.Chat.ChatCompletionCreateParamsNonStreaming)
  const refusedWith = (code: string, param: string, message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof APIError, String(error))
    assert.deepEqual([error.code, error.param], [code, param], error.message)
    assert.match(error.message, message)
    return true
  }

  it('is among what the model takes, with what it costs', async () => {
    const { aerie } = (await client.models.retrieve(name())) as unknown as {
      aerie: { input_modalities: string[]; audio: object }
    }
    assert.deepEqual(aerie.input_modalities, ['text', 'image', 'video', 'audio'])
    const audio = { max_sounds: 4, max_seconds: 2.56, window_seconds: 0.64, tokens_per_window: 8 }
    assert.deepEqual(aerie.audio, audio)
  })

  it('is heard, counted and told of; the same one again is not encoded again', async () => {
    const first = await ask([heard(SAID)])
    const [sound] = soundsOf(first)
    const param = 'messages[0].content[0].input_audio.data'
    assert.deepEqual(
      [sound?.param, sound?.duration, sound?.tokens, sound?.windows, sound?.format, sound?.cached],
      [param, 1.3, 17, 3, 'wav', false],
    )
    assert.ok(sound!.timings_ms!['encode']! > 0)
    assert.equal(first.usage?.prompt_tokens_details?.audio_tokens, 17)
    const encoded = await metric(server.url, 'aerie_tiles_encoded_total')
    const again = await ask([heard(SAID)])
    assert.equal(soundsOf(again)[0]?.cached, true)
    assert.equal(soundsOf(again)[0]?.timings_ms?.['encode'], undefined)
    assert.equal(await metric(server.url, 'aerie_tiles_encoded_total'), encoded)
    assert.ok(again.usage!.prompt_tokens_details!.cached_tokens! > 0)
    assert.equal(again.choices[0]?.message.content, first.choices[0]?.message.content)
  })

  it('is told of without being asked, also at the end of a stream', async () => {
    const expected = [
      { param: 'messages[0].content[0].input_audio.data', duration: 0.5, tokens: 7 },
    ]
    assert.deepEqual(soundsOf(await ask([heard(TONE)], { aerie: undefined })), expected)
    const stream = await client.chat.completions.create({
      ...{ model: name(), messages: user(heard(TONE), question), max_tokens: 2, stream: true },
    })
    let last: object = {}
    for await (const chunk of stream) last = chunk
    assert.deepEqual(soundsOf(last), expected)
  })

  it('changes the answer: the decoder reads what the tower makes of it', async () => {
    const logprobs = { logprobs: true, top_logprobs: 5, max_tokens: 1 }
    const top = async (...content: object[]) =>
      (await ask(content, logprobs)).choices[0]!.logprobs!.content![0]!.top_logprobs
    assert.notDeepEqual(await top(heard(SAID)), await top(heard(TONE)))
    assert.notDeepEqual(await top(heard(SAID)), await top())
  })

  it('stands among pictures in the order of the parts, and costs what /v1/tokenize says', async () => {
    const image_url = { url: await pictureUri('red-circle-blue-square.png') }
    const picture = { type: 'image_url', image_url }
    const messages = user(heard(SAID), picture, heard(TONE), question)
    const response = await fetch(`${server.url}/v1/tokenize`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: name(), messages, return_ids: true }),
    })
    const cost = (await response.json()) as {
      tokens: number
      audio_tokens: number
      sounds: SoundSeen[]
      ids: number[]
    }
    assert.equal(cost.audio_tokens, 24)
    assert.deepEqual(
      cost.sounds.map(({ tokens }) => tokens),
      [17, 7],
    )
    const media = cost.ids.filter((id) => id === 2 || id === 7)
    const runs = media.filter((id, i) => id !== media[i - 1])
    assert.deepEqual(runs, [7, 2, 7])
    const answer = await client.chat.completions.create({ model: name(), messages, max_tokens: 1 })
    assert.equal(answer.usage?.prompt_tokens, cost.tokens)
  })

  it('is not forged by its token in a text', async () => {
    const answer = await ask([{ type: 'text', text: '<|audio|> <|audio|>' }])
    assert.equal(answer.usage?.prompt_tokens_details?.audio_tokens, 0)
    assert.deepEqual(soundsOf(answer), [])
  })

  it('comes from an uploaded file, as input_audio or as a file', async () => {
    const file = await client.files.create({
      file: createReadStream(at('said.wav')),
      purpose: 'user_data',
    })
    for (const part of [
      { type: 'input_audio', input_audio: { file_id: file.id } },
      { type: 'file', file: { file_id: file.id } },
      { type: 'file', file: { file_data: `data:audio/wav;base64,${SAID.toString('base64')}` } },
    ])
      assert.equal(soundsOf(await ask([part]))[0]?.tokens, 17)
  })

  it('comes by URL', async () => {
    const peer = createServer((_, response) => response.end(SAID)).listen(0, '127.0.0.1')
    await new Promise((resolve) => peer.once('listening', resolve))
    const url = `http://127.0.0.1:${(peer.address() as AddressInfo).port}/said.wav`
    const [sound] = soundsOf(await ask([{ type: 'audio_url', audio_url: { url } }]))
    peer.close()
    assert.equal(sound?.tokens, 17)
    assert.ok(sound!.timings_ms!['fetch']! > 0)
  })

  for (const format of ['mp3', 'flac', 'ogg'])
    it(`may be ${format}`, { skip: NO_FFMPEG }, async () => {
      const path = at(`said.${format}`)
      execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', at('said.wav'), path])
      const [sound] = soundsOf(await ask([heard(readFileSync(path), format)]))
      assert.equal(sound?.format, format)
      assert.ok(Math.abs(sound!.duration - 1.3) < 0.1, String(sound!.duration))
    })

  it('is the track of a clip where that is asked for, behind its frames', {
    skip: NO_FFMPEG,
  }, async () => {
    const [clip, silent] = [at('clip.mp4'), at('silent.mp4')]
    const picture = ['-f', 'lavfi', '-i', 'color=c=red:s=160x160:r=5:d=2']
    const sound = ['-f', 'lavfi', '-i', 'sine=d=2']
    execFileSync('ffmpeg', ['-v', 'error', '-y', ...picture, ...sound, '-shortest', clip])
    execFileSync('ffmpeg', ['-v', 'error', '-y', ...picture, silent])
    const video = (path: string, more: object) => ({
      type: 'input_video',
      input_video: { data: readFileSync(path).toString('base64'), ...more },
    })
    const answer = await ask([video(clip, { sound: true })])
    const [whole] = soundsOf(answer)
    assert.equal(whole?.param, 'messages[0].content[0].input_video.sound')
    assert.ok(Math.abs(whole!.duration - 2) < 0.1)
    const [part] = soundsOf(await ask([video(clip, { sound: true, start: 0.5, end: 1 })]))
    assert.equal(part?.duration, 0.5)
    assert.deepEqual(soundsOf(await ask([video(clip, {})])), [])
    await assert.rejects(
      ask([video(silent, { sound: true })]),
      refusedWith('invalid_media', 'messages[0].content[0].input_video.sound', /has no sound/),
    )
  })

  it('is refused by its field where it is no sound, lies about its format, or is too long', async () => {
    const at = 'messages[0].content[0].input_audio'
    const lie = heard(SAID, 'mp3')
    await assert.rejects(
      ask([lie]),
      refusedWith('invalid_media', `${at}.format`, /is a WAVE sound, got "mp3"/),
    )
    await assert.rejects(
      ask([heard(wavFile(new Float32Array(48_000)))]),
      refusedWith('media_too_large', `${at}.data`, /at most 2\.56 s/),
    )
    await assert.rejects(
      ask([{ type: 'input_audio', input_audio: { data: 'no base64!', format: 'wav' } }]),
      refusedWith('invalid_media', `${at}.data`, /base64 is damaged/),
    )
    await assert.rejects(
      ask([{ type: 'input_audio', input_audio: { format: 'wav' } }]),
      refusedWith('invalid_request', at, /either data or file_id, got neither/),
    )
    await assert.rejects(
      ask([{ type: 'input_audio', input_audio: { file_id: 'file-gone' } }]),
      refusedWith('not_found', `${at}.file_id`, /no file "file-gone"/),
    )
    const tooMany = new Array(5).fill(heard(TONE))
    const fifth = 'messages[0].content[4].input_audio.data'
    await assert.rejects(
      ask(tooMany),
      refusedWith('media_too_large', fifth, /5 sounds, limit is 4/),
    )
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
  })

  it('leaves nothing on the disk and nothing in memory', async () => {
    await ask([heard(SAID)])
    assert.equal(await metric(server.url, 'aerie_sounds_spool_bytes'), 0)
    assert.equal(await metric(server.url, 'aerie_sounds_bytes_in_use'), 0)
  })
})

describe('sounds of two tenants, and a client that leaves', () => {
  let model: string
  let server: RunningServer
  const post = (key: string, content: object[], signal?: AbortSignal) =>
    fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({
        ...{ model: server.models[0]!.id, messages: user(...content, question), max_tokens: 1 },
        aerie: { explain: true },
      }),
      ...(signal && { signal }),
    })

  before(async () => {
    model = writeHearingModel()
    const apiKeysFile = join(model, 'keys')
    writeFileSync(apiKeysFile, 'alice:key-a\nbob:key-b\n')
    // Says nothing, and goes on for longer than anybody waits.
    const ffmpegPath = join(model, 'ffmpeg')
    writeFileSync(ffmpegPath, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 })
    server = await startTestServer({ model, apiKeysFile, ffmpegPath })
  })
  after(async () => {
    await server.close()
    rmSync(model, { recursive: true })
  })

  it('never meet in a cache', async () => {
    const isCached = async (key: string) => {
      const answer = (await (await post(key, [heard(SAID)])).json()) as object
      return soundsOf(answer)[0]?.cached
    }
    assert.equal(await isCached('key-a'), false)
    assert.equal(await isCached('key-a'), true)
    assert.equal(await isCached('key-b'), false)
  })

  it('end with their client: ffmpeg, file and place are given back', async () => {
    const leaving = new AbortController()
    const mp3 = Buffer.from('ID3\x04\0\0\0\0\0\0', 'latin1')
    const asked = post('key-a', [heard(mp3, 'mp3')], leaving.signal)
    asked.catch(() => {})
    const now = (name: string) => metric(server.url, name, { authorization: 'Bearer key-a' })
    const until = async (name: string, value: number) => {
      while ((await now(name)) !== value) await delay(20)
    }
    await until('aerie_sounds_running', 1)
    leaving.abort()
    await assert.rejects(asked, { name: 'AbortError' })
    await until('aerie_sounds_running', 0)
    await until('aerie_sounds_spool_bytes', 0)
    assert.equal(await now('aerie_sounds_bytes_in_use'), 0)
  })
})

describe('a sound for a model that does not hear', () => {
  it('is refused by the name of the model, and the server goes on', async () => {
    const decoder = join(import.meta.dirname, '../fixtures/decoders/qwen2/checkpoint')
    const server = await startTestServer({ model: decoder })
    try {
      const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
      const model = server.models[0]!.id
      const asked = client.chat.completions.create({
        model,
        messages: user(heard(TONE), question),
      })
      await assert.rejects(asked, (error: APIError) => {
        assert.equal(error.code, 'unsupported_parameter')
        assert.equal(error.param, 'messages[0].content[0].input_audio.data')
        assert.match(error.message, /hears nothing in a conversation/)
        return true
      })
      assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
    } finally {
      await server.close()
    }
  })
})
