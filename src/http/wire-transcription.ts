/** Transcription: the form → what the speech room is asked for, and its events → JSON, text, subtitles and server-sent events. */
import type { Segment, SpeechEvent, TranscriptionRequest, Word } from '../speech/contract.ts'
import type { WireRequests } from './contract.ts'
import type { components } from './openapi.d.ts'

type Wire = components['schemas']
/** Those that are honoured. */
export type TranscriptForm = 'json' | 'text' | 'srt' | 'verbose_json' | 'vtt'

type WireRequest = WireRequests['TranscriptionRequest'] | WireRequests['TranslationRequest']
export type SpeechTask = TranscriptionRequest['task']

/** As clients write a number into a form: `0.2`, and Python's and JavaScript's `1e-05`. */
const DECIMAL = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** Texts of a form as the values that the contract checks; what is no such value stays for it to refuse. */
export function fromForm(form: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { temperature, stream } = form
  const isNumber = typeof temperature === 'string' && DECIMAL.test(temperature)
  return {
    ...form,
    ...(isNumber && { temperature: Number(temperature) }),
    ...((stream === 'true' || stream === 'false') && { stream: stream === 'true' }),
  }
}

export function toTranscriptionRequest(
  task: SpeechTask,
  wire: WireRequest,
  sound: TranscriptionRequest['sound'],
): TranscriptionRequest {
  const { model, prompt, temperature = 0, response_format: format = 'json' } = wire
  const language = 'language' in wire ? wire.language : undefined
  const granularities = granularitiesOf(wire)
  return {
    ...{ task, model, sound, language, prompt, temperature },
    timestamps: format !== 'json' && format !== 'text',
    words: granularities.includes('word'),
  }
}

/** Segments, where nothing else is asked for. */
export function granularitiesOf(wire: WireRequest): readonly ('segment' | 'word')[] {
  return ('timestamp_granularities' in wire && wire.timestamp_granularities) || ['segment']
}

/** Everything that was said, gathered. */
export class Transcript {
  readonly segments: Segment[] = []
  #start: Extract<SpeechEvent, { type: 'start' }> | undefined

  add(event: SpeechEvent): void {
    if (event.type === 'start') this.#start = event
    if (event.type === 'segment') this.segments.push(event)
  }

  get text(): string {
    return this.segments
      .map(({ text }) => text)
      .join('')
      .trim()
  }

  get usage(): Wire['TranscriptionUsage'] {
    return { type: 'duration', seconds: Math.ceil(this.#start?.duration ?? 0) }
  }

  get duration(): number {
    return this.#start?.duration ?? 0
  }

  /** What else is to be said of the sound, as a part of an answer; of none that is whole. */
  get remarks(): { readonly aerie?: Wire['TranscriptRemarks'] } {
    const { missing = 0 } = this.#start ?? {}
    return missing === 0 ? {} : { aerie: { missing_seconds: missing } }
  }

  get language(): string | undefined {
    return this.#start?.language
  }
}

const JSON_TYPE = 'application/json; charset=utf-8'

const whole = (body: Wire['Transcription']) => body
const translated = (body: Wire['Translation']) => body

/** The media type and the body of an answer in one piece. */
export function toBody(
  task: SpeechTask,
  transcript: Transcript,
  format: TranscriptForm,
  granularities: readonly ('segment' | 'word')[],
  nameOf: (code: string) => string,
): readonly [type: string, body: object | string] {
  const { text, segments, usage, remarks } = transcript
  switch (format) {
    case 'json':
      return [
        JSON_TYPE,
        task === 'transcribe'
          ? whole({ text, usage, ...remarks })
          : translated({ text, ...remarks }),
      ]
    case 'verbose_json':
      return [
        JSON_TYPE,
        task === 'transcribe' ? verbose(transcript, granularities, nameOf) : english(transcript),
      ]
    case 'text':
      return ['text/plain; charset=utf-8', `${text}\n`]
    case 'srt':
      return ['text/plain; charset=utf-8', segments.map(srtCue).join('\n')]
    case 'vtt':
      return ['text/vtt; charset=utf-8', ['WEBVTT\n', ...segments.map(vttCue)].join('\n')]
  }
}

function verbose(
  { text, segments, usage, duration, remarks, language = 'en' }: Transcript,
  granularities: readonly ('segment' | 'word')[],
  nameOf: (code: string) => string,
): Wire['VerboseTranscription'] {
  return {
    ...{ task: 'transcribe', language: nameOf(language), duration, text, usage },
    ...remarks,
    ...(granularities.includes('word') && {
      words: segments.flatMap(({ words = [] }) => words.map(wireWord)),
    }),
    ...(granularities.includes('segment') && { segments: segments.map(wireSegment) }),
  }
}

function wireWord({ text, start, end }: Word): Wire['TranscriptionWord'] {
  return { word: text, start, end }
}

/** `language` is that of the text. */
function english({ text, segments, duration, remarks }: Transcript): Wire['VerboseTranslation'] {
  return {
    ...{ task: 'translate', language: 'english', duration, text },
    ...remarks,
    segments: segments.map(wireSegment),
  }
}

function wireSegment(segment: Segment, id: number): Wire['TranscriptionSegment'] {
  return {
    ...{ id, seek: segment.seek, start: segment.start, end: segment.end, text: segment.text },
    tokens: [...segment.tokens],
    temperature: segment.temperature,
    avg_logprob: segment.logprob,
    compression_ratio: segment.compressionRatio,
    no_speech_prob: segment.noSpeech,
  }
}

function srtCue({ start, end, text }: Segment, i: number): string {
  return `${i + 1}\n${clock(start, ',')} --> ${clock(end, ',')}\n${cueText(text)}\n`
}

function vttCue({ start, end, text }: Segment): string {
  return `${clock(start, '.')} --> ${clock(end, '.')}\n${cueText(text)}\n`
}

/** An arrow would be read as a cue's times, an empty line as its end. */
function cueText(text: string): string {
  return text
    .trim()
    .replaceAll('-->', '->')
    .replaceAll(/\s*\n\s*/g, '\n')
}

/** `hh:mm:ss.mmm` */
function clock(seconds: number, point: '.' | ','): string {
  const ms = Math.round(seconds * 1000)
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  const [hours, minutes, rest] = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60]
  return `${two(hours)}:${two(minutes)}:${two(rest)}${point}${String(ms % 1000).padStart(3, '0')}`
}

/** Pieces of the text as server-sent events, and the whole at the end. */
export class TranscriptEvents {
  readonly #transcript = new Transcript()

  add(event: SpeechEvent): string[] {
    this.#transcript.add(event)
    if (event.type !== 'segment') return []
    const isFirst = this.#transcript.segments.length === 1
    const delta = isFirst ? event.text.trimStart() : event.text
    return [
      JSON.stringify({
        type: 'transcript.text.delta',
        delta,
      } satisfies Wire['TranscriptTextDelta']),
    ]
  }

  end(): string[] {
    const { text, usage, remarks } = this.#transcript
    const done: Wire['TranscriptTextDone'] = {
      ...{ type: 'transcript.text.done', text, usage },
      ...remarks,
    }
    return [JSON.stringify(done)]
  }
}
