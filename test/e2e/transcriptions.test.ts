/** `/v1/audio/transcriptions` and `/v1/audio/translations` with the official client, against whole servers: one with a speech model, one without. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { APIError, APIUserAbortError, toFile } from 'openai'
import { welcome } from '../../src/cli/welcome.ts'
import type { RunningServer } from '../../src/main.ts'
import { LANGUAGES } from '../../src/speech/languages.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { createResponseChecker } from '../support/response-checker.ts'
import { metric, startTestServer } from '../support/server.ts'
import {
  EXPECTED,
  longSamples,
  SPEECH_WAV,
  saidSamples,
  TINY_WHISPER,
  wavFile,
} from '../support/speech-fixture.ts'

const MODEL = 'tiny-whisper'

describe('the official client with a speech model', () => {
  let server: RunningServer
  let client: OpenAI
  let long: Buffer
  const said = () => createReadStream(SPEECH_WAV)
  before(async () => {
    server = await startTestServer({ model: TINY_WHISPER, threads: 1 })
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
    long = wavFile(longSamples())
  })
  after(() => server.close())

  const create = (more: object) =>
    client.audio.transcriptions.create({
      file: said(),
      model: MODEL,
      temperature: 1,
      ...more,
    } as never)

  it('finds a model that hears and writes', async () => {
    const model = (await client.models.retrieve(MODEL)) as unknown as {
      aerie: { input_modalities: string[]; output_modalities: string[]; family: string }
    }
    assert.deepEqual(model.aerie.input_modalities, ['audio'])
    assert.deepEqual(model.aerie.output_modalities, ['text'])
    assert.equal(model.aerie.family, 'whisper')
  })

  it('is shown by the server how to ask', () => {
    const text = welcome(server.url, server.models, { needsKey: false, page: false })
    assert.match(
      text,
      /curl -s \S+\/v1\/audio\/transcriptions -F model=tiny-whisper -F file=@speech\.mp3/,
    )
    assert.match(text, /client\.audio\.transcriptions\.create\(\{ file, model: 'tiny-whisper' \}\)/)
  })

  it('gets the words, and how much sound it was', async () => {
    const answer = (await create({ language: 'en' })) as unknown as {
      text: string
      usage: { type: string; seconds: number }
    }
    assert.ok(answer.text.length > 0)
    assert.deepEqual(answer.usage, { type: 'duration', seconds: 3 })
  })

  it('gets segments whose times rise and end with the sound', async () => {
    const file = await toFile(long, 'long.wav')
    const answer = (await create({
      file,
      response_format: 'verbose_json',
      language: 'german',
    })) as unknown as {
      task: string
      language: string
      duration: number
      segments: { start: number; end: number; text: string; tokens: number[]; seek: number }[]
      text: string
    }
    assert.equal(answer.task, 'transcribe')
    assert.equal(answer.language, 'german')
    assert.equal(answer.duration, 80)
    assert.ok(answer.segments.length > 0)
    for (const { start, end } of answer.segments) assert.ok(start <= end && end <= 80)
    const starts = answer.segments.map(({ start }) => start)
    assert.deepEqual(
      starts,
      starts.toSorted((a, b) => a - b),
    )
    assert.equal(
      answer.segments
        .map(({ text }) => text)
        .join('')
        .trim(),
      answer.text,
    )
  })

  it('hears which language it is', async () => {
    const answer = (await create({ response_format: 'verbose_json' })) as unknown as {
      language: string
    }
    assert.equal(LANGUAGES[EXPECTED.language.slice(2, 4)], answer.language)
  })

  it('gets the same at the same temperature, whatever else is asked', async () => {
    const [one, two] = await Promise.all([create({}), create({})])
    assert.deepEqual(one, two)
  })

  it('gets subtitles', async () => {
    const srt = (await create({ response_format: 'srt' })) as unknown as string
    assert.match(srt, /^1\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}\n\S/)
    const vtt = (await create({ response_format: 'vtt' })) as unknown as string
    assert.match(vtt, /^WEBVTT\n\n\d\d:\d\d:\d\d\.\d{3} --> \d\d:\d\d:\d\d\.\d{3}\n\S/)
    const text = (await create({ response_format: 'text' })) as unknown as string
    assert.equal(typeof text, 'string')
  })

  it('gets the words by and by, and then the whole', async () => {
    const file = await toFile(long, 'long.wav')
    const stream = (await create({ file, stream: true })) as unknown as AsyncIterable<{
      type: string
      delta?: string
      text?: string
    }>
    const events = []
    for await (const event of stream) events.push(event)
    const deltas = events.filter(({ type }) => type === 'transcript.text.delta')
    assert.ok(deltas.length > 1)
    const done = events.at(-1)!
    assert.equal(done.type, 'transcript.text.done')
    assert.equal(
      deltas
        .map(({ delta }) => delta)
        .join('')
        .trim(),
      done.text,
    )
  })

  it('brings words that are to be expected, in which nothing becomes a special token', async () => {
    const tokenizer = await Tokenizer.load(TINY_WHISPER)
    assert.ok(tokenizer.idOf('<|endoftext|>') !== undefined)
    const plain = await create({ prompt: 'the red car' })
    const special = await create({ prompt: 'the red car<|endoftext|>' })
    assert.deepEqual(special, plain)
    assert.notDeepEqual(await create({ prompt: 'a fish' }), plain)
  })

  for (const [what, more, code, param, message] of [
    [
      'times that there are none of',
      { response_format: 'verbose_json', timestamp_granularities: ['letter'] },
      'invalid_request',
      'timestamp_granularities[0]',
      /word/,
    ],
    [
      'times of words by and by',
      { timestamp_granularities: ['word'], stream: true },
      'invalid_request',
      'timestamp_granularities',
      /verbose_json/,
    ],
    [
      'granularities of a form without times',
      { timestamp_granularities: ['segment'] },
      'invalid_request',
      'timestamp_granularities',
      /verbose_json/,
    ],
    [
      'log probabilities',
      { include: ['logprobs'] },
      'unsupported_parameter',
      'include',
      /log probabilities/,
    ],
    [
      'a way to cut',
      { chunking_strategy: 'auto' },
      'unsupported_parameter',
      'chunking_strategy',
      /sentence/,
    ],
    [
      'speakers',
      { response_format: 'diarized_json' },
      'unsupported_parameter',
      'response_format',
      /speakers/,
    ],
    [
      'a language that it was not trained on',
      { language: 'xx' },
      'invalid_request',
      'language',
      /trained on de, en, es, fr, zh; got "xx"/,
    ],
    [
      'subtitles by and by',
      { response_format: 'srt', stream: true },
      'invalid_request',
      'stream',
      /one piece/,
    ],
    [
      'a temperature above 1',
      { temperature: 1.5 },
      'invalid_request',
      'temperature',
      /temperature/,
    ],
    ['another model', { model: 'whisper-1' }, 'model_not_found', 'model', /tiny-whisper/],
    ['what nobody knows', { loudness: 3 }, 'unknown_parameter', 'loudness', /loudness/],
  ] as const)
    it(`is refused ${what}, by name`, async () => {
      await assert.rejects(create(more), (error) => {
        assert.ok(error instanceof APIError)
        assert.equal(error.code, code, error.message)
        assert.equal(error.param, param)
        assert.match(error.message, message)
        return true
      })
    })

  it('gets the words in English, in every form', async () => {
    const translate = (more: object) =>
      client.audio.translations.create({ file: said(), model: MODEL, temperature: 1, ...more })
    const { text } = await translate({})
    assert.ok(text.length > 0)
    const verbose = (await translate({ response_format: 'verbose_json' })) as unknown as {
      task: string
      language: string
      duration: number
      segments: { start: number; end: number }[]
    }
    assert.equal(verbose.task, 'translate')
    assert.equal(verbose.language, 'english')
    assert.ok(Math.abs(verbose.duration - saidSamples().length / 16_000) < 1e-6)
    assert.ok(verbose.segments.length > 0)
    const srt = (await translate({ response_format: 'srt' })) as unknown as string
    assert.match(srt, /^1\n\d\d:\d\d:\d\d,\d{3} --> /)
    // Not what it writes in the language that is spoken.
    assert.notEqual(text, ((await create({})) as unknown as { text: string }).text)
  })

  it('is refused, by name, what translations do not have', async () => {
    for (const [more, code, param] of [
      [{ language: 'de' }, 'unknown_parameter', 'language'],
      [{ stream: true }, 'unknown_parameter', 'stream'],
      [{ response_format: 'diarized_json' }, 'invalid_request', 'response_format'],
      [{ model: 'whisper-1' }, 'model_not_found', 'model'],
    ] as const) {
      const asked = client.audio.translations.create({
        file: said(),
        model: MODEL,
        ...more,
      } as never)
      await assert.rejects(asked, (error) => {
        assert.ok(error instanceof APIError)
        assert.equal(error.code, code, error.message)
        assert.equal(error.param, param)
        return true
      })
    }
  })

  it('is told of a file that is no sound, and the server goes on', async () => {
    const file = await toFile(Buffer.from('RIFF____WAVEjunk'), 'a.wav')
    await assert.rejects(create({ file }), (error) => {
      assert.ok(error instanceof APIError)
      assert.equal(error.code, 'invalid_media')
      assert.equal(error.param, 'file')
      return true
    })
    assert.ok(await create({}))
  })

  it('asks a speech model for a conversation and is told what it does', async () => {
    const asked = client.chat.completions.create({
      model: MODEL,
      messages: [{ role: 'user', content: 'Hello' }],
    })
    await assert.rejects(asked, /writes down speech.*\/v1\/audio\/transcriptions/)
  })

  it('leaves in the middle, and nothing is left of its sound', async () => {
    // Once more where it was written down before anyone looked.
    for (let isCutOff = false; !isCutOff; ) {
      const abort = new AbortController()
      const file = await toFile(long, 'long.wav')
      let isOver = false
      const asked = client.audio.transcriptions
        .create({ file, model: MODEL }, { signal: abort.signal })
        .then(
          () => false,
          (error) => error instanceof APIUserAbortError,
        )
        .finally(() => {
          isOver = true
        })
      while (!isOver && (await metric(server.url, 'aerie_speech_running')) === 0) await delay(5)
      abort.abort()
      isCutOff = await asked
    }
    while ((await metric(server.url, 'aerie_speech_running'))! > 0) await delay(5)
    while ((await metric(server.url, 'aerie_sounds_bytes_in_use'))! > 0) await delay(5)
    assert.ok((await metric(server.url, 'aerie_speech_aborted_total'))! >= 1)
    const folders = (await readdir(tmpdir())).filter(
      (name) => name.startsWith('aerie-sounds-') && name.includes(`-${process.pid}-`),
    )
    assert.equal(folders.length, 1)
    while ((await readdir(`${tmpdir()}/${folders[0]}`)).length > 0) await delay(5)
  })

  it('answers as openapi.yaml says, in every form', async () => {
    const checker = await createResponseChecker()
    const routes = ['/v1/audio/transcriptions', '/v1/audio/translations']
    const forms = ['json', 'verbose_json', 'text', 'srt', 'vtt']
    const timesOf = [undefined, ['word'], ['word', 'segment']]
    for (const times of timesOf) {
      const body = new FormData()
      body.set('model', MODEL)
      body.set('response_format', 'verbose_json')
      body.set('file', new Blob([await readFile(SPEECH_WAV)]), 'said.wav')
      for (const time of times ?? []) body.append('timestamp_granularities[]', time)
      const url = routes[0]!
      const response = await fetch(server.url + url, { method: 'POST', body })
      const headers = Object.fromEntries(response.headers)
      const { status } = response
      checker.check({ method: 'POST', url, status, headers, body: await response.text() })
      assert.equal(status, 200)
    }
    for (const [url, form] of routes.flatMap((url) => forms.map((form) => [url, form] as const))) {
      const body = new FormData()
      body.set('model', MODEL)
      body.set('response_format', form)
      body.set('temperature', '1')
      body.set('file', new Blob([await readFile(SPEECH_WAV)]), 'said.wav')
      const response = await fetch(server.url + url, { method: 'POST', body })
      const headers = Object.fromEntries(response.headers)
      checker.check({
        method: 'POST',
        url,
        status: response.status,
        headers,
        body: await response.text(),
      })
      assert.equal(response.status, 200)
    }
  })
})

describe('a model that hears nothing', () => {
  it('is refused by name', async () => {
    const server = await startTestServer({ threads: 1 })
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
    const file = await toFile(wavFile(saidSamples()), 'said.wav')
    const asked = client.audio.transcriptions.create({ file, model: 'starter' })
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof APIError)
      assert.equal(error.code, 'unsupported_parameter')
      assert.equal(error.param, 'model')
      assert.match(error.message, /starter hears nothing; a speech model/)
      return true
    })
    await server.close()
  })
})

describe('a backend without cross-attention', () => {
  it('is refused by name in one line', async () => {
    await assert.rejects(
      startTestServer({ model: TINY_WHISPER, backend: 'native' }),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'invalid_config')
        assert.match(
          error.message,
          /^backend native: the native runtime cannot run the decoder: [^\n]+$/,
        )
        return true
      },
    )
  })
})
