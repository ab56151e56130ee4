/** Sounds of a conversation → features, by way of the caches, with a record of what was heard. */
import type { HearingModel } from '../../models/family.ts'
import { soundTokens } from '../../models/sound/sound-tokens.ts'
import type { Features } from '../engine/types.ts'
import { AerieError } from '../errors.ts'
import type { SoundPart as Stretch } from '../media/sound/hear-sound.ts'
import type { LoadedSound, SoundSource } from '../media/sound/sound-room.ts'
import type { Media } from '../media/types.ts'
import { inWindow } from '../picture-window.ts'
import { tracedEncode, tracedLookup } from '../tracing/encoder-trace.ts'
import type {
  ChatMessage,
  SoundCost,
  SoundPart,
  SoundSeen,
  TrackPart,
  VideoPart,
} from './contract.ts'
import { contentKey } from './feature-key.ts'
import type { ServedModel } from './model.ts'
import type { LoadedVideo } from './videos.ts'

/** A sound whose length is known and whose log-mel is here; no tower has heard it yet. */
export interface DecodedPart {
  readonly part: SoundPart | TrackPart
  readonly sound: LoadedSound
  /** Of the file that is heard; undefined: all. */
  readonly stretch: Stretch | undefined
  readonly cost: SoundCost
}

export interface EncodedSound {
  /** Of all its windows; those behind the end of the sound are not in the prompt. */
  readonly features: Features
  readonly seen: SoundSeen
}

/** A sound, or the sound of a clip, with the clip that it is of. */
interface Found {
  readonly part: SoundPart | TrackPart
  readonly clip: VideoPart | undefined
}

export function soundParts(messages: readonly ChatMessage[]): Found[] {
  return messages.flatMap(({ content }) => {
    let clip: VideoPart | undefined
    return content.flatMap((part): Found[] => {
      if (part.type === 'video') clip = part
      if (part.type === 'sound') return [{ part, clip: undefined }]
      return part.type === 'track' ? [{ part, clip }] : []
    })
  })
}

/** Throws `unsupported_parameter` for a model that does not hear, `media_too_large` for more sounds than a request may have. */
export function refuseDeafAndTooMany(
  { id, hearing, maxSounds }: Pick<ServedModel, 'id' | 'hearing' | 'maxSounds'>,
  messages: readonly ChatMessage[],
): void {
  const parts = soundParts(messages)
  if (parts.length === 0) return
  if (!hearing || maxSounds === 0) {
    const { param } = parts[0]!.part
    const what = `${param}: model ${id} hears nothing in a conversation`
    throw new AerieError('unsupported_parameter', what, { param })
  }
  if (parts.length <= maxSounds) return
  const { param } = parts[maxSounds]!.part
  const what = `${param}: ${parts.length} sounds, limit is ${maxSounds} (max_sounds in /v1/models)`
  throw new AerieError('media_too_large', what, { param })
}

/** Decodes every sound, so that its cost is known. Errors name the part. `videos`: the clips that tracks are of. */
export async function loadSounds(
  model: ServedModel,
  media: Media,
  messages: readonly ChatMessage[],
  videos: readonly LoadedVideo[],
  signal: AbortSignal,
): Promise<DecodedPart[]> {
  return await inWindow(
    soundParts(messages),
    signal,
    async ({ part, clip }, linked) => {
      const source = part.type === 'sound' ? sourceOf(part) : trackOf(media, part, clip, videos)
      const sound = await media.sounds.load(source, model.hearing!, linked)
      return { part, sound, stretch: source.part, cost: costOf(model.hearing!, part.param, sound) }
    },
    ({ sound }) => media.sounds.release(sound),
  )
}

export function releaseSounds(media: Media, sounds: readonly DecodedPart[]): void {
  for (const { sound } of sounds) media.sounds.release(sound)
}

function sourceOf({ from, claim, param }: SoundPart): SoundSource {
  return { from, param, ...(claim && { claim }) }
}

/** The sound of what is looked at of the clip, where the request says from when to when; else of all of it. */
function trackOf(
  media: Media,
  { param }: TrackPart,
  part: VideoPart | undefined,
  videos: readonly LoadedVideo[],
): SoundSource {
  const video = videos.find((video) => video.part === part)
  if (!part || video?.source.from !== 'clip') throw new Error('a track stands behind no clip')
  const { clip } = video.source
  if (!clip.header.hasSound)
    throw new AerieError('invalid_media', `${param}: the clip has no sound`, { param })
  const { start, end } = part.sampling
  const isPart = start !== undefined || end !== undefined
  return {
    from: { ...media.clips.fileOf(clip), isClip: true },
    param,
    ...(isPart && { part: { start: start ?? 0, end } }),
  }
}

function costOf(hearing: HearingModel, param: string, { heard }: LoadedSound): SoundCost {
  const { seconds: duration, windows, frames } = heard
  return { param, duration, windows, tokens: soundTokens(hearing, frames) }
}

/** Features of decoded sounds: from the cache, or of the sound tower. */
export async function encodeSounds(
  model: ServedModel,
  sounds: readonly DecodedPart[],
  tenant: string,
  signal: AbortSignal,
): Promise<EncodedSound[]> {
  return await inWindow(sounds, signal, async (decoded, linked) => {
    const { heard } = decoded.sound
    const encoder = model.visionEncoder!
    const seen = { sound: heard.sha256, stretch: decoded.stretch }
    const key = contentKey(model, [seen], tenant)
    const known = await tracedLookup(encoder, key, decoded.part.param)
    if (known) {
      const { features, from, readMs } = known
      const disk = from === 'disk' ? { disk: readMs } : {}
      return { features, seen: describe(decoded, { cached: true, cache: from }, disk) }
    }
    const { mel, windows } = heard
    const { features, cached, queueMs, encodeMs } = await tracedEncode(
      encoder,
      { key, mel, windows },
      { param: decoded.part.param, signal: linked },
    )
    const cache = cached ? 'memory' : undefined
    return { features, seen: describe(decoded, { cached, cache }, { encode: queueMs + encodeMs }) }
  })
}

function describe(
  { part, sound, cost }: DecodedPart,
  how: Pick<SoundSeen, 'cached' | 'cache'>,
  stations: SoundSeen['stations'],
): SoundSeen {
  const { heard, byteLength, fetchMs } = sound
  const { format, codec, sha256, decodeMs } = heard
  const fileId = part.type === 'sound' && 'path' in part.from ? part.from.fileId : undefined
  return {
    ...cost,
    ...{ format, codec, sha256, bytes: byteLength },
    ...(fileId !== undefined && { fileId }),
    ...how,
    stations: { ...(fetchMs !== undefined && { fetch: fetchMs }), decode: decodeMs, ...stations },
  }
}
