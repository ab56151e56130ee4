/** Times of words, and what is said of a sound that was cut short, with the official client against a whole server. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import OpenAI, { toFile } from 'openai'
import type { RunningServer } from '../../src/main.ts'
import { startTestServer } from '../support/server.ts'
import {
  longSamples,
  SPEECH_WAV,
  saidSamples,
  TINY_WHISPER,
  wavFile,
} from '../support/speech-fixture.ts'

const MODEL = 'tiny-whisper'

describe('the official client', () => {
  let server: RunningServer
  let client: OpenAI
  const long = wavFile(longSamples())
  before(async () => {
    server = await startTestServer({ model: TINY_WHISPER, threads: 1 })
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
  })
  after(() => server.close())

  const create = (more: object) =>
    client.audio.transcriptions.create({
      ...{ file: createReadStream(SPEECH_WAV), model: MODEL, temperature: 1 },
      ...more,
    } as never)

  it('gets the words and their times alone, or with the segments, which they make up', async () => {
    interface Timed {
      text: string
      duration: number
      words?: { word: string; start: number; end: number }[]
      segments?: { text: string; start: number; end: number }[]
    }
    const ask = async (timestamp_granularities: string[], language: string) =>
      (await create({
        file: await toFile(language === 'en' ? long : wavFile(saidSamples()), 'said.wav'),
        ...{ response_format: 'verbose_json', language, timestamp_granularities },
      })) as unknown as Timed
    const [alone, both, chinese] = await Promise.all([
      ask(['word'], 'en'),
      ask(['segment', 'word'], 'en'),
      ask(['segment', 'word'], 'zh'),
    ])
    assert.equal(alone.segments, undefined)
    assert.deepEqual(alone.words, both.words)
    // What this model writes is in part no text, of which pieces may be more than the whole.
    const letters = (text: string) => text.replaceAll(/[\s\ufffd]/g, '')
    for (const { words, segments, text, duration } of [both, chinese]) {
      assert.ok(words!.length > 3)
      assert.equal(letters(words!.map(({ word }) => word).join('')), letters(text))
      assert.equal(letters(segments!.map((one) => one.text).join('')), letters(text))
      assert.ok(words!.every(({ word }) => word !== '' && word.trim() === word))
      const times = words!.flatMap(({ start, end }) => [start, end])
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      )
      assert.ok(times.at(0)! >= 0 && times.at(-1)! <= duration)
    }
    assert.ok(both.words!.at(-1)!.end > 30)
    // Characters, where there are no spaces.
    assert.ok(chinese.words!.length / letters(chinese.text).length > 0.4)
  })

  it('is told how much of a file is missing that was cut short, in every form that has a place for it', async () => {
    const whole = await readFile(SPEECH_WAV)
    const cut = () => toFile(whole.subarray(0, 44 + 64_000), 'cut.wav')
    const missing = { missing_seconds: (whole.length - 44 - 64_000) / 32_000 }
    for (const response_format of ['json', 'verbose_json']) {
      const answer = (await create({ file: await cut(), response_format })) as { aerie?: object }
      assert.deepEqual(answer.aerie, missing)
    }
    const stream = (await create({ file: await cut(), stream: true })) as unknown as AsyncIterable<{
      type: string
      aerie?: object
    }>
    const events = []
    for await (const event of stream) events.push(event)
    assert.equal(events.at(-1)!.type, 'transcript.text.done')
    assert.deepEqual(events.at(-1)!.aerie, missing)
    const english = await client.audio.translations.create({ file: await cut(), model: MODEL })
    assert.deepEqual((english as { aerie?: object }).aerie, missing)
    assert.equal('aerie' in ((await create({})) as object), false)
  })
})
