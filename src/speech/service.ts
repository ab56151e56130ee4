/** The speech room's front desk: a checked request in, segments out, window by window. */
import { deflateSync } from 'node:zlib'
import type { SpeechModel } from '../../models/family.ts'
import { findModel } from '../capabilities/find-model.ts'
import { withDeadline } from '../deadline.ts'
import { AerieError } from '../errors.ts'
import { currentAccount } from '../limits/account.ts'
import type { LoadedSound, Sounds } from '../media/sound/sounds.ts'
import type { TextsToIds } from '../tokenizer/encoder-thread.ts'
import type { TokenTable } from '../tokenizer/token-table.ts'
import { tracedEvents } from '../tracing/trace.ts'
import type { Segment, SpeechEvent, SpeechService, TranscriptionRequest, Word } from './contract.ts'
import { LANGUAGES } from './languages.ts'
import type { Recogniser } from './recogniser.ts'
import { FRAMES_PER_SECOND, type TokenSegment } from './segments.ts'
import { type TranscriptWindow, transcribe } from './transcribe.ts'
import { TEMPERATURES, THRESHOLDS, type WindowRequest } from './window.ts'
import { timedWords } from './words.ts'

/** A speech model: everything that a request to it needs, loaded. */
export interface ServedSpeech {
  /** The name that requests use. */
  readonly id: string
  readonly speech: SpeechModel
  readonly tokenizer: TokenTable
  readonly encoder: TextsToIds
  readonly recogniser: Pick<Recogniser, 'recognise'>
}

export interface SpeechServiceOptions {
  readonly models: readonly ServedSpeech[]
  /** Names of served models that do not hear. */
  readonly others: readonly string[]
  readonly sounds: Pick<Sounds, 'load' | 'release'>
  /** Of a request. */
  readonly deadlineMs: number
}

const OTHERS_DO =
  'hears nothing; a speech model, such as openai/whisper-tiny, writes down what is said'

export function createSpeechService(options: SpeechServiceOptions): SpeechService {
  const { models, others, sounds, deadlineMs } = options
  const find = (id: string) => findModel({ models, others, othersDo: OTHERS_DO }, id)
  const service: SpeechService = {
    checkModel: (id) => void find(id),
    async *transcribe(request, clientSignal) {
      const model = find(request.model)
      const { bins, leastSeconds } = windowOf(model.speech)
      const prepared = await prepare(model, request)
      using deadline = withDeadline(clientSignal, deadlineMs)
      const { signal } = deadline
      // Nothing tells how much is said, so what is written is owed; who owes too much has to wait.
      await currentAccount().take({ tokens: 1 })
      let sound: LoadedSound | undefined
      try {
        sound = await sounds.load(request.sound, { bins, leastSeconds }, signal)
        yield* answer(model, request, sound, prepared, signal)
      } catch (error) {
        throw deadline.explain(error)
      } finally {
        if (sound) sounds.release(sound)
      }
    },
  }
  return {
    ...service,
    transcribe: (request, signal) => {
      const model = models.find(({ id }) => id === request.model)?.id
      const name = model === undefined ? request.task : `${request.task} ${model}`
      const attributes = {
        'gen_ai.operation.name': request.task,
        'gen_ai.provider.name': 'aerie',
        'gen_ai.request.model': model,
      }
      return tracedEvents(
        (parent) => parent.begin(name, attributes),
        () => service.transcribe(request, signal),
        (event, span) => {
          if (event.type === 'start') span.set({ 'aerie.seconds': event.duration })
          if (event.type === 'end') span.set({ 'gen_ai.usage.output_tokens': event.tokens })
        },
      )
    },
  }
}

function windowOf({ melBins, windowFrames }: SpeechModel) {
  return { bins: melBins, leastSeconds: windowFrames / FRAMES_PER_SECOND }
}

/** What does not depend on the sound, checked before anything is decoded. Throws `invalid_request` or `unsupported_parameter`. */
async function prepare(
  { id, speech, encoder }: ServedSpeech,
  { task, language, prompt, temperature, words: areWordsTimed }: TranscriptionRequest,
): Promise<Omit<WindowRequest, 'timestamps'>> {
  if (task === 'translate' && speech.rules.multilingual?.translate === undefined) {
    const why = speech.rules.multilingual ? 'to translate' : 'on anything but English'
    const message = `model: ${id} was not trained ${why}; /v1/audio/transcriptions writes down what is said`
    throw new AerieError('unsupported_parameter', message, { param: 'model' })
  }
  if (areWordsTimed && !speech.alignment) {
    // Any other heads would give times that look as exact and are not.
    const message = `timestamp_granularities: the generation_config.json of ${id} has no alignment_heads, which tell when words are said; that of the checkpoint that it was trained from has them. segment works without`
    throw new AerieError('unsupported_parameter', message, { param: 'timestamp_granularities' })
  }
  // What is written like a special token must not become one.
  const isText = (token: number) => token < speech.rules.endOfText
  const words = prompt === undefined || prompt.trim() === '' ? '' : ` ${prompt.trim()}`
  const spoken = languageOf(id, speech, language)
  const [said] = await encoder.encode([words])
  return {
    task,
    language: spoken,
    previous: [...said!].filter(isText),
    temperatures: temperature === 0 ? TEMPERATURES : [temperature],
    thresholds: THRESHOLDS,
  }
}

function languageOf(
  id: string,
  { rules: { multilingual } }: SpeechModel,
  asked: string | undefined,
): number | undefined {
  if (asked === undefined) return undefined
  const name = asked.toLowerCase()
  const code = Object.keys(LANGUAGES).find((key) => key === name || LANGUAGES[key] === name) ?? name
  if (!multilingual && code === 'en') return undefined
  const known = multilingual?.languages ?? {}
  if (Object.hasOwn(known, code)) return known[code]
  const codes = multilingual ? Object.keys(known).sort().join(', ') : 'en'
  const message = `language: ${id} was trained on ${codes}; got ${JSON.stringify(asked.slice(0, 40))}`
  throw new AerieError('invalid_request', message, { param: 'language' })
}

async function* answer(
  model: ServedSpeech,
  { timestamps, words }: TranscriptionRequest,
  { mel, seconds, decodeMs, missingSeconds: missing }: LoadedSound,
  prepared: Omit<WindowRequest, 'timestamps'>,
  signal: AbortSignal,
): AsyncGenerator<SpeechEvent> {
  const { speech, recogniser } = model
  const contentFrames = Math.ceil(seconds * FRAMES_PER_SECOND)
  // Without timestamps nothing tells where the next window is to begin.
  const request = { ...prepared, timestamps: timestamps || contentFrames > speech.windowFrames }
  const stations: Record<string, number> = { decode: decodeMs }
  let tokens = 0
  let hasStarted = false
  const options = { request, signal, contentFrames, tokenTimes: words }
  const windows = transcribe(mel, speech, recogniser, options)
  for await (const window of windows) {
    if (!hasStarted) {
      const language = codeOf(speech, window.result.language)
      yield { type: 'start', model: model.id, language, duration: seconds, missing }
    }
    hasStarted = true
    tokens += window.result.tokens.length
    currentAccount().owe({ tokens: window.result.tokens.length })
    for (const [station, ms] of Object.entries(window.stations))
      stations[station] = (stations[station] ?? 0) + ms
    const timed = words ? timedSegments(model, window, seconds) : []
    for (const [i, segment] of window.segments.entries()) {
      const told = { ...tell(model, window, segment, seconds), words: timed[i] }
      // Timestamps around nothing.
      if (told.text.trim() !== '') yield { type: 'segment', ...told }
    }
  }
  yield { type: 'end', stations, tokens }
}

function codeOf({ rules }: SpeechModel, id: number | undefined): string | undefined {
  const languages = rules.multilingual?.languages ?? {}
  return Object.keys(languages).find((code) => languages[code] === id)
}

function tell(
  { speech: { rules }, tokenizer }: ServedSpeech,
  { seek, result: { temperature, logprob, noSpeech } }: TranscriptWindow,
  { start, end, tokens }: TokenSegment,
  seconds: number,
): Omit<Segment, 'words'> {
  const text = tokenizer.decode(tokens.filter((token) => token < rules.endOfText))
  return {
    ...{ seek, text, tokens, temperature, logprob, noSpeech },
    // The window is longer than the end of the sound, and so may be what the model believes.
    start: Math.min(start, seconds),
    end: Math.min(end, seconds),
    compressionRatio: compressionRatio(text),
  }
}

/** Words of each segment of a window. */
function timedSegments(
  { speech, tokenizer }: ServedSpeech,
  { seek, end, segments, result: { tokenTimes = [], language } }: TranscriptWindow,
  seconds: number,
): Word[][] {
  const { endOfText } = speech.rules
  const options = {
    language: codeOf(speech, language),
    isText: (token: number) => token < endOfText,
    decode: (tokens: readonly number[]) => tokenizer.decode(tokens),
    // What is written behind the beginning of the next window was said before it.
    ...{ offset: seek / FRAMES_PER_SECOND, latest: Math.min(end / FRAMES_PER_SECOND, seconds) },
  }
  let at = 0
  return segments.map(({ tokens }) => {
    const from = at
    at += tokens.length
    const times = { ends: tokenTimes.slice(from, at), start: tokenTimes[from - 1] ?? 0 }
    return timedWords(tokens, times, options)
  })
}

/** As openai/whisper tells it. A segment has a few hundred bytes. */
function compressionRatio(text: string): number {
  const bytes = Buffer.from(text)
  return bytes.length / deflateSync(bytes).length
}
