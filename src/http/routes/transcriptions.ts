/** `/v1/audio/transcriptions` and `/v1/audio/translations`: takes the form, spools its sound, asks the speech room, sends text in one piece or by and by. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AerieError } from '../../errors.ts'
import type { SpeechEvent, SpeechService } from '../../speech/contract.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Contract } from '../contract.ts'
import { recordError } from '../error-handler.ts'
import { acceptForms, FORM_BYTES, type FormFields, readFileForm } from '../file-form.ts'
import { checkBodyHeaders } from '../json-body.ts'
import { errorBody } from '../openai-error.ts'
import { serverTiming } from '../server-timing.ts'
import { beginEvents, sendEvents } from '../sse.ts'
import {
  fromForm,
  granularitiesOf,
  type SpeechTask,
  Transcript,
  TranscriptEvents,
  type TranscriptForm,
  toBody,
  toTranscriptionRequest,
} from '../wire-transcription.ts'

/** Where a sound lies until its request is answered. */
export interface SoundInbox {
  receive(
    source: AsyncIterable<Uint8Array>,
    param: string,
  ): Promise<{ readonly path: string; readonly byteLength: number } & AsyncDisposable>
}

export interface TranscriptionParts {
  readonly speech: SpeechService
  readonly inbox: SoundInbox
  readonly maxSoundBytes: number
  /** Name of a language by its code. */
  readonly languageName: (code: string) => string
}

interface TranscriptionRoute extends TranscriptionParts {
  readonly contract: Contract
  readonly metrics: Metrics
  readonly logger: Logger
  readonly heartbeatMs: number
}

/** Of the form, beside its file. */
const TRANSLATION: FormFields = {
  ...{ model: 'text', prompt: 'text', response_format: 'text', temperature: 'text' },
}
const FIELDS: Readonly<Record<SpeechTask, FormFields>> = {
  transcribe: {
    ...TRANSLATION,
    ...{ language: 'text', stream: 'text', timestamp_granularities: 'list', include: 'list' },
    ...{ known_speaker_names: 'list', known_speaker_references: 'list' },
    chunking_strategy: 'object',
  },
  translate: TRANSLATION,
}

export async function transcriptionRoute(
  app: FastifyInstance,
  room: TranscriptionRoute,
): Promise<void> {
  await app.register(async (scope) => {
    await acceptForms(scope)
    const config = { longBody: true, bodyType: 'multipart/form-data' }
    scope.post('/v1/audio/transcriptions', { config }, (request, reply) =>
      answer('transcribe', request, reply, room),
    )
    scope.post('/v1/audio/translations', { config }, (request, reply) =>
      answer('translate', request, reply, room),
    )
  })
}

async function answer(
  task: SpeechTask,
  request: FastifyRequest,
  reply: FastifyReply,
  room: TranscriptionRoute,
) {
  const { speech, inbox, contract, metrics, maxSoundBytes, languageName } = room
  checkBodyHeaders(request)
  const { state, headers } = request
  if (Number(headers['content-length'] ?? 0) > maxSoundBytes + FORM_BYTES) {
    const what = `file: expected at most ${maxSoundBytes} bytes (maxSoundBytes)`
    throw new AerieError('media_too_large', what, { param: 'file' })
  }
  await using received = new AsyncDisposableStack()
  let sound: Awaited<ReturnType<SoundInbox['receive']>> | undefined
  const form = await readFileForm(request, FIELDS[task], async (bytes) => {
    sound = received.use(await inbox.receive(bytes, 'file'))
  })
  const fields = fromForm({ ...form })
  const wire =
    task === 'transcribe'
      ? contract.check('TranscriptionRequest', fields)
      : contract.check('TranslationRequest', fields)
  speech.checkModel(wire.model)
  const isStream = 'stream' in wire && wire.stream === true
  checkTogether(wire)
  const { path, byteLength } = sound!
  state.facts['model'] = wire.model
  state.facts['bytes'] = byteLength
  const asked = toTranscriptionRequest(task, wire, { path, byteLength, param: 'file' })
  const events = speech.transcribe(asked, state.signal)
  if (isStream) {
    await sendStream(request, reply, events, room)
    return reply
  }
  const transcript = new Transcript()
  for await (const event of events) {
    transcript.add(event)
    if (event.type !== 'end') continue
    metrics.stations(event.stations)
    reply.header('server-timing', serverTiming(event.stations, state))
  }
  state.facts['seconds'] = Math.ceil(transcript.duration)
  const { aerie } = transcript.remarks
  if (aerie) state.facts['missingSeconds'] = aerie.missing_seconds
  const [type, body] = toBody(
    ...([task, transcript, formOf(wire), granularitiesOf(wire), languageName] as const),
  )
  return reply.type(type).send(body)
}

/** The contract has refused every other. */
function formOf({
  response_format: format,
}: {
  readonly response_format?: string
}): TranscriptForm {
  return (format as TranscriptForm | undefined) ?? 'json'
}

/** What fields say about each other. Throws `invalid_request`. */
function checkTogether(wire: {
  readonly response_format?: string
  readonly stream?: boolean
  readonly timestamp_granularities?: readonly string[]
}): void {
  const { response_format: format = 'json', stream, timestamp_granularities: times } = wire
  const fail = (param: string, what: string): never => {
    throw new AerieError('invalid_request', `${param}: ${what}`, { param })
  }
  if (times && format !== 'verbose_json')
    fail('timestamp_granularities', `expected with response_format verbose_json, got ${format}`)
  if (stream && format !== 'json' && format !== 'text')
    fail('stream', `expected false with response_format ${format}, which comes in one piece`)
}

async function sendStream(
  request: FastifyRequest,
  reply: FastifyReply,
  events: AsyncIterable<SpeechEvent>,
  { heartbeatMs, logger, metrics }: TranscriptionRoute,
): Promise<void> {
  const wire = new TranscriptEvents()
  await sendEvents(reply.raw, events[Symbol.asyncIterator](), {
    signal: request.state.signal,
    heartbeatMs,
    begin: () => beginEvents(reply),
    encode(event) {
      if (event.type === 'end') metrics.stations(event.stations)
      return wire.add(event)
    },
    end: () => wire.end(),
    fail: (error) => JSON.stringify(errorBody(recordError(error, request, logger))),
  })
}
