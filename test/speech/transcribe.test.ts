/** The speech worker with the small checkpoint: every token and every time as transformers generates them. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { SpeechModel } from '../../models/family.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import { type LogMel, LogMelStream } from '../../src/media/sound/log-mel.ts'
import { type Recogniser, startRecogniser } from '../../src/speech/recogniser.ts'
import { createSpeechService } from '../../src/speech/service.ts'
import {
  type TranscribeOptions,
  type TranscriptWindow,
  transcribe,
} from '../../src/speech/transcribe.ts'
import { TEMPERATURES, THRESHOLDS, type WindowRequest } from '../../src/speech/window.ts'
import { encoderHere } from '../../src/tokenizer/encoder-here.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { EXPECTED, longSamples, saidSamples, TINY_WHISPER } from '../support/speech-fixture.ts'

const logger = { info() {}, warn() {}, error() {}, debug() {} }

const never = new AbortController().signal

function melOf(samples: Float32Array, least: number): LogMel {
  const stream = new LogMelStream(80)
  stream.push(samples)
  return stream.finish(least)
}

const SHORT = melOf(saidSamples(), 480_000)
const LONG = melOf(longSamples(), 0)

async function all(windows: AsyncIterable<TranscriptWindow>): Promise<TranscriptWindow[]> {
  const found: TranscriptWindow[] = []
  for await (const window of windows) found.push(window)
  return found
}

function timesOf(windows: readonly TranscriptWindow[]) {
  return windows.flatMap(({ segments }) => segments)
}

/** As the published code tells them: seconds from the beginning of the sound. */
function alignedSegments(windows: readonly TranscriptWindow[]) {
  return windows.flatMap(({ seek, segments, result: { tokenTimes } }) => {
    let at = 0
    return segments.map(({ tokens }) => {
      const times = tokenTimes!.slice(at, at + tokens.length)
      at += tokens.length
      return { tokens, times: times.map((time) => Number((seek / 100 + time).toFixed(4))) }
    })
  })
}

describe('transcribing', () => {
  let model: SpeechModel
  let recogniser: Recogniser
  let request: WindowRequest
  before(async () => {
    model = (await loadModelConfig(TINY_WHISPER)).speech!
    recogniser = await startRecogniser({
      modelDir: TINY_WHISPER,
      ...{ backend: 'onnx', threads: 1, maxRows: 3, maxWaiting: 4, logger },
    })
    const language = model.rules.multilingual!.languages['en']!
    request = {
      ...{ task: 'transcribe', language, previous: [], timestamps: true },
      ...{ temperatures: [0], thresholds: undefined },
    }
  })
  after(() => recogniser.dispose())

  const run = (
    mel: LogMel,
    changes: Partial<WindowRequest>,
    signal = never,
    more: Pick<TranscribeOptions, 'tokenTimes' | 'contentFrames'> = {},
  ) =>
    all(
      transcribe(mel, model, recogniser, { request: { ...request, ...changes }, signal, ...more }),
    )

  it('writes the segments of a short sound, with their times', async () => {
    const segments = timesOf(await run(SHORT, {}))
    // The published code goes on with the last 60 ms of the window and finds speech behind its end there; we do not.
    const expected = EXPECTED.timed.filter(({ start }) => start < 30)
    assert.equal(expected.length, EXPECTED.timed.length - 1)
    assert.deepEqual(
      segments.map(({ tokens }) => tokens),
      expected.map(({ tokens }) => tokens),
    )
    for (const [i, { start, end }] of segments.entries()) {
      assert.ok(Math.abs(start - expected[i]!.start) < 1e-6)
      assert.ok(Math.abs(end - expected[i]!.end) < 1e-6)
    }
  })

  it('writes them in English where it is to translate', async () => {
    const language = model.rules.multilingual!.languages['de']
    const segments = timesOf(await run(SHORT, { task: 'translate', language }))
    const expected = EXPECTED.translated_timed.filter(({ start }) => start < 30)
    assert.deepEqual(
      segments.map(({ tokens }) => tokens),
      expected.map(({ tokens }) => tokens),
    )
    const german = timesOf(await run(SHORT, { language }))
    assert.notDeepEqual(segments, german)
  })

  it('times no words where the checkpoint does not say which heads to look at, and says so before a sound is decoded', async () => {
    const tokenizer = await Tokenizer.load(TINY_WHISPER)
    const sounds = { load: () => assert.fail('decodes'), release() {} }
    const encoder = encoderHere(tokenizer)
    const speech = { ...model, alignment: undefined }
    const served = { id: 'w', speech, tokenizer, encoder, recogniser }
    const options = { models: [served], others: [], sounds, deadlineMs: 10_000 }
    const asked = createSpeechService(options).transcribe(
      {
        ...{ task: 'transcribe', model: 'w', language: undefined, prompt: undefined },
        ...{ temperature: 0, timestamps: true, words: true },
        sound: { path: '/nowhere', byteLength: 0, param: 'file' },
      },
      never,
    )
    await assert.rejects(asked[Symbol.asyncIterator]().next(), {
      code: 'unsupported_parameter',
      param: 'timestamp_granularities',
      message: /generation_config\.json of w has no alignment_heads/,
    })
  })

  it('does not translate where it was not trained to, and says so before a sound is decoded', async () => {
    const tokenizer = await Tokenizer.load(TINY_WHISPER)
    const { multilingual } = model.rules
    const sounds = { load: () => assert.fail('decodes'), release() {} }
    for (const [rules, message] of [
      [{ ...model.rules, multilingual: undefined }, /^model: w was not trained on anything but En/],
      [
        { ...model.rules, multilingual: { ...multilingual!, translate: undefined } },
        /^model: w was not trained to translate; \/v1\/audio\/transcriptions/,
      ],
    ] as const) {
      const encoder = encoderHere(tokenizer)
      const served = { id: 'w', speech: { ...model, rules }, tokenizer, encoder, recogniser }
      const options = { models: [served], others: [], sounds, deadlineMs: 10_000 }
      const asked = createSpeechService(options).transcribe(
        {
          ...{ task: 'translate', model: 'w', language: undefined, prompt: undefined },
          ...{ temperature: 0, timestamps: false, words: false },
          sound: { path: '/nowhere', byteLength: 0, param: 'file' },
        },
        never,
      )
      await assert.rejects(asked[Symbol.asyncIterator]().next(), {
        code: 'unsupported_parameter',
        message,
      })
    }
  })

  it('goes through a long sound window by window, each beginning where the model heard the end of speech', async () => {
    const german = model.rules.multilingual!.languages['de']!
    const windows = await run(LONG, { language: german })
    assert.ok(windows.length > 2)
    const expected = EXPECTED.long.map(({ start, end, tokens }) => ({ tokens, start, end }))
    assert.deepEqual(
      timesOf(windows).map(({ start, end, tokens }) => ({
        tokens,
        start: Number(start.toFixed(6)),
        end: Number(end.toFixed(6)),
      })),
      expected.map((one) => ({
        ...one,
        start: Number(one.start.toFixed(6)),
        end: Number(one.end.toFixed(6)),
      })),
    )
  })

  it('hears which language is spoken', async () => {
    const { languages } = model.rules.multilingual!
    const [first] = await run(SHORT, { language: undefined })
    assert.equal(
      `<|${Object.keys(languages).find((code) => languages[code] === first!.result.language)}|>`,
      EXPECTED.language,
    )
  })

  it('tells when each token was said, to the frame, window by window, whatever else is written in the same steps, and to nobody else', async () => {
    const german = model.rules.multilingual!.languages['de']!
    const contentFrames = Math.ceil(saidSamples().length / 160)
    const [long, untimed, short] = await Promise.all([
      run(LONG, { language: german }, never, { tokenTimes: true }),
      run(SHORT, {}),
      run(SHORT, {}, never, { tokenTimes: true, contentFrames }),
    ])
    assert.deepEqual(alignedSegments(long), EXPECTED.aligned.long)
    // What the published code finds behind the end of the sound has no time in it.
    assert.deepEqual(alignedSegments(short), EXPECTED.aligned.short.slice(0, -1))
    for (const { result } of untimed) assert.equal(result.tokenTimes, undefined)
  })

  it('tells them of the answer that counts, where a poor one was written before it', async () => {
    const poor = { temperatures: TEMPERATURES, thresholds: { ...THRESHOLDS, logprob: 0 } }
    const [tried] = await run(SHORT, poor, never, { tokenTimes: true })
    assert.equal(tried!.result.temperature, 1)
    assert.equal(tried!.result.tokenTimes?.length, tried!.result.tokens.length)
  })

  it('gives several requests at once what each gets alone, to the token', async () => {
    const runs = await Promise.all([
      run(SHORT, {}),
      run(LONG, {}),
      run(SHORT, { timestamps: false }),
    ])
    const alone = [
      await run(SHORT, {}),
      await run(LONG, {}),
      await run(SHORT, { timestamps: false }),
    ]
    const tokens = (windows: readonly TranscriptWindow[]) =>
      windows.map(({ result }) => result.tokens)
    assert.deepEqual(runs.map(tokens), alone.map(tokens))
    const { steps, rows } = recogniser.stats()
    assert.ok(rows > steps, 'no step had more than one row')
  })

  it('tries a poor answer again at higher temperatures, the same way each time', async () => {
    const changes = { temperatures: TEMPERATURES, thresholds: { ...THRESHOLDS, logprob: 0 } }
    const before = recogniser.stats().retries
    const [first] = await run(SHORT, changes)
    const [second] = await run(SHORT, changes)
    assert.equal(recogniser.stats().retries - before >= 2 * (TEMPERATURES.length - 1), true)
    assert.equal(first!.result.temperature, 1)
    assert.deepEqual(first!.result.tokens, second!.result.tokens)
  })

  it('drops what is written over silence', async () => {
    const thresholds = { compressionRatio: 100, logprob: 0, noSpeech: -1 }
    const windows = await run(SHORT, { thresholds })
    assert.deepEqual(
      windows.map(({ segments }) => segments.length),
      [0],
    )
  })

  it('refuses more than wait, and goes on with those that do', async () => {
    const mine = () => recogniser.recognise(new Float32Array(80 * 3000), request, never)
    const settled = await Promise.allSettled(Array.from({ length: 9 }, mine))
    const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
    assert.equal(refused.length, 2)
    for (const { reason } of refused) assert.equal(reason.code, 'queue_full')
  })

  it('gives its place back at once when it is aborted, waiting or running', async () => {
    const abort = new AbortController()
    const aborted = Array.from({ length: 5 }, () =>
      recogniser.recognise(new Float32Array(80 * 3000), request, abort.signal),
    )
    setTimeout(() => abort.abort(), 30)
    for (const one of await Promise.allSettled(aborted)) {
      assert.equal(one.status, 'rejected')
      assert.equal((one as PromiseRejectedResult).reason.code, 'cancelled')
    }
    assert.equal(recogniser.stats().waiting + recogniser.stats().running, 0)
    assert.ok((await run(SHORT, {})).length > 0)
  })
})

describe('transcribing without timestamps', () => {
  it('writes what the published code writes, also after words that were said before', async () => {
    const { speech: model } = await loadModelConfig(TINY_WHISPER)
    const tokenizer = await Tokenizer.load(TINY_WHISPER)
    const { WindowAttempt, promptOf } = await import('../../src/speech/window.ts')
    const { loadSpeech } = await import('../../src/engine/backends/speech-session.ts')
    // As the fixture has it: this model would write timestamps although it is told not to.
    const { firstTimestamp, suppressed } = model!.rules
    const times = Array.from({ length: 1501 }, (_, i) => firstTimestamp + i)
    const rules = { ...model!.rules, suppressed: [...suppressed, ...times] }
    const options = { threads: 1, kvCacheBytes: 0, kvBlockSize: 1 }
    for (const backend of ['onnx', 'reference']) {
      const session = await loadSpeech(TINY_WHISPER, backend, options)
      await session.add(SHORT.data)
      for (const [task, previous, expected] of [
        ['transcribe', [], EXPECTED.plain],
        ['transcribe', [...tokenizer.encode('the red car')], EXPECTED.prompted],
        ['translate', [], EXPECTED.translated],
      ] as const) {
        const request = {
          ...{ task, previous, language: undefined },
          timestamps: false,
          temperatures: [0],
          thresholds: undefined,
        }
        const english = rules.multilingual!.languages['en']
        const { tokens } = promptOf(request, english, rules)
        const answer = new WindowAttempt(request, rules, 0, tokens.length)
        let logits = await session.begin(0, tokens, [tokens.length - 1])
        for (let next = answer.next(logits); next !== undefined; next = answer.next(logits))
          logits = await session.step([next])
        assert.deepEqual(answer.result(0, english).tokens, expected, backend)
      }
      await session.dispose()
    }
  })
})
