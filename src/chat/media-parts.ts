/** Pictures, clips and sounds of a conversation together: loaded, counted, encoded and given back. */
import type { Features, PromptPart } from '../engine/types.ts'
import type { Media } from '../media/types.ts'
import type { ChatMessage, ContentPart, ImageSeen, SoundSeen, VideoSeen } from './contract.ts'
import { encodeVideos } from './encode-videos.ts'
import type { ServedModel } from './model.ts'
import {
  encodePictures,
  imageTokens,
  type LoadedPicture,
  loadPictures,
  pictureParts,
  releaseLoaded,
  releasePictures,
} from './pictures.ts'
import type { Prompt } from './prompt.ts'
import type { MediumPiece, PromptMedium } from './prompt-media.ts'
import {
  type DecodedPart,
  encodeSounds,
  loadSounds,
  refuseDeafAndTooMany,
  releaseSounds,
} from './sounds.ts'
import {
  frameCount,
  type LoadedVideo,
  loadVideos,
  releaseVideo,
  type VideoLook,
  videoMedium,
} from './videos.ts'

/** What lies here of a conversation; nothing of it is decoded but sounds, whose length nothing else tells. */
export interface LoadedMedia {
  readonly pictures: readonly LoadedPicture[]
  readonly videos: readonly LoadedVideo[]
  readonly sounds: readonly DecodedPart[]
  /** All, in the order of their parts. */
  readonly inOrder: readonly PromptMedium[]
  /** Positions in the prompt. */
  readonly imageTokens: number
  readonly videoTokens: number
  readonly soundTokens: number
}

export const NO_MEDIA: LoadedMedia = {
  ...{ pictures: [], videos: [], sounds: [], inOrder: [] },
  ...{ imageTokens: 0, videoTokens: 0, soundTokens: 0 },
}

export interface EncodedMedia {
  /** Groups of each medium, in the order of their parts; a picture has one. */
  readonly features: readonly (readonly Features[])[]
  readonly images: readonly ImageSeen[]
  readonly videos: readonly VideoSeen[]
  readonly sounds: readonly SoundSeen[]
}

/** Fetches everything and chooses the frames of clips. Errors name the part. */
export async function loadMedia(
  model: ServedModel,
  media: Media,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
  look?: VideoLook,
): Promise<LoadedMedia> {
  let videos: readonly LoadedVideo[] = []
  let sounds: readonly DecodedPart[] = []
  try {
    refuseDeafAndTooMany(model, messages)
    videos = await loadVideos(model, media, messages, signal, look)
    sounds = await loadSounds(model, media, messages, videos, signal)
  } catch (error) {
    releaseLoaded(media, pictureParts(messages))
    for (const video of videos) releaseVideo(media, video)
    throw error
  }
  try {
    const pictures = await loadPictures(model, media, messages, signal, frameCount(videos))
    return {
      ...{ pictures, videos, sounds },
      inOrder: inOrder<PromptMedium>(messages, {
        picture: pictures.map(({ layout, tokens }) => ({ kind: 'picture', layout, tokens })),
        video: videos.map(({ shown }) => videoMedium(model, shown)),
        sound: sounds.map(({ cost }) => ({ kind: 'sound', tokens: cost.tokens })),
      }),
      imageTokens: imageTokens(pictures),
      videoTokens: videos.reduce((sum, { cost }) => sum + cost.tokens, 0),
      soundTokens: sounds.reduce((sum, { cost }) => sum + cost.tokens, 0),
    }
  } catch (error) {
    releaseSounds(media, sounds)
    for (const video of videos) releaseVideo(media, video)
    throw error
  }
}

/** Gives files and bytes back; again is harmless. */
export function releaseMedia(media: Media, { pictures, videos, sounds }: LoadedMedia): void {
  releasePictures(media, pictures)
  releaseSounds(media, sounds)
  for (const video of videos) releaseVideo(media, video)
}

/** Features of everything: from the caches, or decoded and run through the towers. */
export async function encodeMedia(
  model: ServedModel,
  media: Media,
  messages: readonly ChatMessage[],
  { pictures, videos, sounds }: LoadedMedia,
  { tenant, signal }: { readonly tenant: string; readonly signal: AbortSignal },
): Promise<EncodedMedia> {
  const encodedPictures = await encodePictures(model, media, pictures, tenant, signal)
  const encodedVideos = await encodeVideos(model, media, videos, tenant, signal)
  const encodedSounds = await encodeSounds(model, sounds, tenant, signal)
  return {
    features: inOrder(messages, {
      picture: encodedPictures.map(({ features }) => [features]),
      video: encodedVideos.map(({ groups }) => groups),
      sound: encodedSounds.map(({ features }) => [features]),
    }),
    images: encodedPictures.map(({ seen }) => seen),
    videos: encodedVideos.map(({ seen }) => seen),
    sounds: encodedSounds.map(({ seen }) => seen),
  }
}

/** Puts the features where the prompt wants them. */
export function interleave({ pieces }: Prompt, features: EncodedMedia['features']): PromptPart[] {
  return pieces
    .filter((piece) => piece.kind === 'medium' || piece.ids.length > 0)
    .map((piece): PromptPart => {
      if (piece.kind === 'tokens') return piece
      return { kind: 'features', features: rowsOf(features[piece.medium]![piece.group]!, piece) }
    })
}

function rowsOf(features: Features, { firstRow, rows }: MediumPiece): Features {
  if (rows === features.rows) return features
  const width = features.data.length / features.rows
  return {
    key: `${features.key}/${firstRow}+${rows}`,
    rows,
    data: features.data.subarray(firstRow * width, (firstRow + rows) * width),
  }
}

/** What belongs to each picture, clip and sound, in the order of the parts of all. */
function inOrder<Item>(
  messages: readonly ChatMessage[],
  items: Readonly<Record<'picture' | 'video' | 'sound', readonly Item[]>>,
): Item[] {
  const left = {
    picture: items.picture.values(),
    video: items.video.values(),
    sound: items.sound.values(),
  }
  return messages.flatMap(({ content }) =>
    content.flatMap((part) => {
      const kind = kindOf(part)
      return kind === 'text' ? [] : [left[kind].next().value as Item]
    }),
  )
}

function kindOf({ type }: ContentPart): 'text' | 'picture' | 'video' | 'sound' {
  if (type === 'text') return type
  if (type === 'image') return 'picture'
  return type === 'sound' || type === 'track' ? 'sound' : 'video'
}
