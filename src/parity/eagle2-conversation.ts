/** Conversations of Eagle 2's cases: messages and media in the layouts of both generations → prompts with their pictures. */

import {
  type ChosenFrames,
  chooseFrames,
  chooseMiddleFrames,
  type FrameOptions,
  type VideoFacts,
} from '../../models/eagle2/frame-choice.ts'
import {
  type PictureMarks,
  pairedFrames,
  type SampledVideo,
  videoLines,
  videoText,
} from '../../models/eagle2/video-prompt.ts'
import type { PicturePrompt } from '../../models/load-config.ts'
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { ONE_TILE, type PictureLayout, type PictureSize } from '../../models/tiling/layout.ts'
import { type PictureToTile, tilePictures } from '../../models/tiling/tiling.ts'
import type { TemplateMessage, TemplatePart } from '../chat/template.ts'

/** A picture or a frame of a case, to be cut by the rules of its kind. */
/** Of pictures in a conversation: Eagle 2 writes one the same however many there are. */
const ANY_NUMBER = 1

export interface Seen {
  readonly file: string
  readonly kind: 'image' | 'frame'
}

/** What stands for one picture or video in a prompt. */
interface Medium {
  readonly seen: readonly Seen[]
  /** Texts around and between the features of what is seen. */
  texts(layouts: readonly PictureLayout[]): readonly string[]
}

export interface Conversation {
  readonly messages: readonly TemplateMessage[]
  /** In the order of their placeholders. */
  readonly media: readonly Medium[]
}

/** `video_frames` of expected.json: frames as the case's decoder gave them. */
export interface RecordedFrames {
  readonly total_frames: number
  readonly avg_fps: number
  readonly indices: readonly number[]
  readonly timestamps: readonly number[]
  readonly sample_fps?: number
  readonly png: readonly string[]
}

export type RecordedVideos = Readonly<Record<string, RecordedFrames>>

/** Of the newer generation: content as the hub's processors take it. */
export interface NewMessage {
  readonly role: string
  readonly content: string | readonly NewPart[]
}

type NewPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly image: string }
  | VideoPart

interface VideoPart extends FrameFields {
  readonly type: 'video'
  readonly video: string | readonly string[]
}

interface FrameFields {
  readonly fps?: number
  readonly nframes?: number
  readonly min_frames?: number
  readonly max_frames?: number
}

/** Of the older generation: what the demo's page sends. */
export interface OldMessage {
  readonly role: string
  readonly content: string
  readonly image?: readonly string[]
  readonly video?: readonly string[]
}

/** How the newer generation's processor was called. */
export interface NewCall {
  readonly videos: RecordedVideos
  /** Whether it was told how the videos were sampled. */
  readonly saysSampling: boolean
}

export function frameOptions(fields: FrameFields): FrameOptions {
  return {
    ...(fields.fps !== undefined && { fps: fields.fps }),
    ...(fields.nframes !== undefined && { frames: fields.nframes }),
    ...(fields.min_frames !== undefined && { minFrames: fields.min_frames }),
    ...(fields.max_frames !== undefined && { maxFrames: fields.max_frames }),
  }
}

export function newConversation(
  messages: readonly NewMessage[],
  prompt: PicturePrompt,
  { videos, saysSampling }: NewCall,
): Conversation {
  const media: Medium[] = []
  let [images, clips] = [0, 0]
  const part = (given: NewPart): TemplatePart => {
    if (given.type === 'text') return given
    if (given.type === 'image') {
      const number = ++images
      const seen = [{ file: given.image, kind: 'image' } as const]
      media.push({ seen, texts: ([layout]) => prompt.texts(layout!, number, ANY_NUMBER) })
      return { type: 'image' }
    }
    const number = ++clips
    const { files, sampled } = newVideo(given, videos)
    const marks = marksOf(prompt)
    media.push({
      seen: files.map((file) => ({ file, kind: 'frame' })),
      texts: () => videoText(number, files.length, saysSampling ? sampled : {}, marks),
    })
    return { type: 'video', frames: files.length }
  }
  return {
    media,
    messages: messages.map(({ role, content }) => ({
      role,
      content: typeof content === 'string' ? [{ type: 'text', text: content }] : content.map(part),
    })),
  }
}

/** A list of pictures has no times; the published code writes −1 and, unless told otherwise, two frames a second. */
function newVideo(
  { video, type: _, ...options }: VideoPart,
  videos: RecordedVideos,
): { readonly files: readonly string[]; readonly sampled: SampledVideo } {
  if (typeof video !== 'string') {
    const files = pairedFrames(video)
    return { files, sampled: { fps: options.fps ?? 2, seconds: files.map(() => -1) } }
  }
  const recorded = findVideo(videos, { video, ...options })
  const chosen = chooseFrames(factsOf(recorded), frameOptions(options))
  return {
    files: filesOf(recorded, chosen),
    sampled: { fps: chosen.sampledFps, seconds: chosen.seconds },
  }
}

/** Entries are keyed by the request for the video, as JSON with its keys in order. */
function findVideo(videos: RecordedVideos, wanted: object): RecordedFrames {
  const text = (value: object) => JSON.stringify(Object.entries(value).sort())
  const found = Object.entries(videos).find(
    ([key]) => key.startsWith('{') && text(JSON.parse(key)) === text(wanted),
  )
  if (!found) throw new Error(`video_frames: expected an entry for ${JSON.stringify(wanted)}`)
  return found[1]
}

export function factsOf({ total_frames, avg_fps }: RecordedFrames): VideoFacts {
  return { totalFrames: total_frames, fps: avg_fps }
}

/** The pictures of the frames that our rule chooses. */
function filesOf({ indices, png }: RecordedFrames, chosen: ChosenFrames): string[] {
  return chosen.indices.map((index) => {
    const file = png[indices.indexOf(index)]
    if (file === undefined) throw new Error(`video_frames: there is no picture of frame ${index}`)
    return file
  })
}

export function oldConversation(
  messages: readonly OldMessage[],
  prompt: PicturePrompt,
  videos: RecordedVideos,
  framesPerVideo: number,
): Conversation {
  const media: Medium[] = []
  const picture = (file: string): TemplatePart => {
    media.push({
      seen: [{ file, kind: 'image' }],
      texts: ([layout]) => prompt.texts(layout!, 1, ANY_NUMBER),
    })
    return { type: 'image' }
  }
  const clip = (file: string): TemplatePart => {
    const recorded = videos[file]
    if (!recorded) throw new Error(`video_frames: expected an entry for ${file}`)
    const chosen = chooseMiddleFrames(factsOf(recorded), framesPerVideo)
    media.push({
      seen: filesOf(recorded, chosen).map((png) => ({ file: png, kind: 'frame' })),
      texts: () => videoLines(chosen.seconds, marksOf(prompt)),
    })
    return { type: 'video', frames: chosen.indices.length }
  }
  return {
    media,
    messages: messages.map(({ role, content, image = [], video = [] }) => ({
      role,
      content: [...image.map(picture), ...video.map(clip), { type: 'text', text: content }],
    })),
  }
}

function marksOf(prompt: PicturePrompt): PictureMarks {
  const [before, end] = prompt.texts(ONE_TILE, 1, ANY_NUMBER) as [string, string]
  return { start: before.slice(before.lastIndexOf('<')), end }
}

/** What a call may change of how pictures, or frames, are cut. */
export interface TileChanges {
  readonly min_dynamic_tiles?: number
  readonly max_dynamic_tiles?: number
  readonly use_thumbnail?: boolean
}

/** The layouts of what is seen, pictures under the changes for them and frames under those for videos: one tile unless told otherwise. */
export function layOutAll(
  to: ImagePreprocessing,
  seen: readonly { readonly size: PictureSize; readonly kind: Seen['kind'] }[],
  changes: { readonly images: TileChanges; readonly videos: TileChanges },
): PictureLayout[] {
  const { tiling } = to
  if (!tiling || tiling.rule === 'scales') return seen.map(() => ONE_TILE)
  const change = ({ min_dynamic_tiles, max_dynamic_tiles, use_thumbnail }: TileChanges) => ({
    ...tiling,
    ...(min_dynamic_tiles !== undefined && { minTiles: min_dynamic_tiles }),
    ...(max_dynamic_tiles !== undefined && { maxTiles: max_dynamic_tiles }),
    ...(use_thumbnail !== undefined && { thumbnail: use_thumbnail }),
  })
  const frames = { max_dynamic_tiles: 1, ...changes.videos }
  if (tiling.shared) {
    const pictures = seen.map(
      ({ size, kind }): PictureToTile => ({ size, isOneTile: kind === 'frame' }),
    )
    return tilePictures(change(changes.images), to.size, pictures)
  }
  return seen.map(({ size, kind }) => {
    const rule = change(kind === 'frame' ? frames : changes.images)
    return tilePictures(rule, to.size, [{ size, isOneTile: false }])[0]!
  })
}
