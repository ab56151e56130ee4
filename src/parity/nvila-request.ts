/** A request of an NVILA case, as its parts say it, in the terms of serving. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PoolSize } from '../../models/video/pooling.ts'
import type { VilaVideo } from '../../models/vila/config.ts'
import { evenFrames } from '../../models/vila/frame-sampling.ts'
import { VIDEO_TOKEN, type VideoLayout } from '../../models/vila/video.ts'
import type { ChatMessage, ContentPart } from '../chat/contract.ts'
import type { ReferenceCase } from './reference-case.ts'

export interface NvilaRequest {
  readonly id: string
  readonly prompt_parts: readonly Part[] | null
  readonly conversation:
    | readonly { readonly from: 'human' | 'gpt'; readonly value: string }[]
    | null
  readonly rendered_text: string
  readonly input_ids: readonly number[]
  readonly greedy_ids: readonly number[]
  /** How the video encoder was set for this request, in words. */
  readonly video_note?: string
  /** Of the pictures that are merged. */
  readonly block_sizes_rows_cols?: readonly (readonly number[] | null)[]
}

type Part = string | { readonly image: string } | { readonly video_dir: string }

/** What one placeholder stands for: a picture, or a video that is one to the text. */
export interface Medium {
  readonly kind: 'image' | 'video'
  /** Of `inputs/`; one, or the frames. */
  readonly files: readonly string[]
}

export interface Conversation {
  readonly messages: readonly ChatMessage[]
  readonly media: readonly Medium[]
}

export interface VideoSettings extends VilaVideo {
  readonly layout: Exclude<VideoLayout, 'lines'>
}

/** What the published client takes out of users' texts. */
const MEDIA_TOKENS = ['<image>', VIDEO_TOKEN]

/** Pictures are parts of their own; so is each frame of a video, or the video, as the layout has it. */
export async function conversationOf(
  { folder }: ReferenceCase,
  request: NvilaRequest,
  video: VideoSettings,
): Promise<Conversation> {
  const media: Medium[] = []
  const picture = (medium: Medium): ContentPart => {
    media.push(medium)
    return { type: 'image', url: '', detail: 'auto', param: medium.files[0]! }
  }
  const partsOf = async (part: Part): Promise<ContentPart[]> => {
    if (typeof part === 'string') return [{ type: 'text', text: withoutMedia(part), param: '' }]
    if ('image' in part) return [picture({ kind: 'image', files: [part.image] })]
    const files = await framesOf(folder, part.video_dir, video.frames)
    return video.layout === 'video'
      ? [picture({ kind: 'video', files })]
      : files.map((file) => picture({ kind: 'image', files: [file] }))
  }
  const turns = request.conversation?.map(({ from, value }) => ({ from, parts: [value] })) ?? [
    { from: 'human', parts: request.prompt_parts ?? [] },
  ]
  const messages: ChatMessage[] = []
  for (const { from, parts } of turns) {
    const content: ContentPart[] = []
    for (const part of parts) content.push(...(await partsOf(part)))
    messages.push({ role: from === 'gpt' ? 'assistant' : 'user', name: undefined, content })
  }
  return { messages, media }
}

/** A text that had a media token is also stripped. */
function withoutMedia(text: string): string {
  return MEDIA_TOKENS.reduce(
    (rest, token) => (rest.includes(token) ? rest.replaceAll(token, '').trim() : rest),
    text,
  )
}

async function framesOf(folder: string, name: string, count: number): Promise<string[]> {
  const files = (await readdir(join(folder, 'inputs', name))).sort()
  return evenFrames(files.length, count).map((index) => join(name, files[index]!))
}

/** The config's own settings, and what the note of a request changes. */
export function readVideoNote(note: string | undefined, config: VilaVideo): VideoSettings {
  if (note === undefined) return { ...config, layout: 'pictures' }
  const frames = /num_video_frames = (\d+)/.exec(note)?.[1]
  const pools = /pool_sizes (\[\[.*?\]\])/.exec(note)?.[1]
  const text = (key: string, otherwise: string) =>
    new RegExp(`${key} '([^']*)'`).exec(note)?.[1]?.replaceAll('\\n', '\n') ?? otherwise
  const { encoder } = config
  return {
    layout: note.startsWith('(b)') ? 'video' : 'pictures',
    frames: frames === undefined ? config.frames : Number(frames),
    fps: config.fps,
    encoder: {
      before: text('start_tokens', encoder.before),
      after: text('end_tokens', encoder.after),
      separator: text('sep_tokens', encoder.separator),
      pools: pools === undefined ? encoder.pools : (JSON.parse(pools) as PoolSize[]),
    },
  }
}
