/** Sounds on the wire: parts of a message → ours, and what was heard of them → wire. */
import type { FiledSound, SoundCost, SoundPart, SoundSeen } from '../chat/contract.ts'
import { AerieError } from '../errors.ts'
import type { WireRequests } from './contract.ts'
import type { components } from './openapi.d.ts'
import { toWireTimes } from './wire-times.ts'

type Wire = components['schemas']
type WireMessage = WireRequests['ChatCompletionRequest']['messages'][number]
type WirePart = Exclude<
  Extract<WireMessage, { content?: unknown }>['content'],
  string | null | undefined
>[number]
type WireInputAudio = Extract<WirePart, { type: 'input_audio' }>['input_audio']
type WireAudioUrl = Extract<WirePart, { type: 'audio_url' }>['audio_url']

/** `param`: of the object, `….input_audio`. Throws `invalid_request` unless exactly one source is given. */
export function toInputAudio(
  { data, file_id: fileId, format }: WireInputAudio,
  param: string,
): SoundPart | FiledSound {
  if (!data === !fileId) {
    const what = `${param}: expected either data or file_id, got ${data ? 'both' : 'neither'}`
    throw new AerieError('invalid_request', what, { param })
  }
  const claim = format ? { claim: { format, param: `${param}.format` } } : {}
  if (data) return { type: 'sound', from: { base64: data }, param: `${param}.data`, ...claim }
  return { type: 'filed-sound', fileId: fileId!, param: `${param}.file_id`, ...claim }
}

/** `param`: of the object, `….audio_url`. */
export function toSoundByUrl(sound: WireAudioUrl, param: string): SoundPart {
  if (typeof sound === 'string') return { type: 'sound', from: { url: sound }, param }
  return { type: 'sound', from: { url: sound.url }, param: `${param}.url` }
}

export function toWireSound({ param, duration, tokens }: SoundCost): Wire['SoundSeen'] {
  return { param, duration: Math.round(duration * 1e6) / 1e6, tokens }
}

export function toWireExplainedSound(sound: SoundSeen): Wire['SoundSeen'] {
  const { format, codec, bytes, sha256, fileId, windows, cached, cache, stations } = sound
  return {
    ...toWireSound(sound),
    windows,
    ...(format !== undefined && { format }),
    ...(codec !== undefined && { codec }),
    ...{ bytes, sha256 },
    ...(fileId !== undefined && { file_id: fileId }),
    cached,
    ...(cache && { cache }),
    timings_ms: toWireTimes(stations),
  }
}
