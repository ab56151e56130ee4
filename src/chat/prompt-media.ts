/** How a model's family writes pictures, clips and sounds into a prompt: what the template is told, and what its placeholders become. */
import type { HearingModel } from '../../models/family.ts'
import type { PicturePrompt } from '../../models/load-config.ts'
import type { PictureLayout } from '../../models/tiling/layout.ts'
import type { ShownFrames, VideoRule } from '../../models/video/rule.ts'
import type { TemplatePart } from './template.ts'

/** A picture, a clip or a sound of the messages, in their order. */
export type PromptMedium =
  /** `tokens`: positions of its features. */
  | { readonly kind: 'picture'; readonly layout: PictureLayout; readonly tokens: number }
  /** `tokensPerFrame`: before any pooling. */
  | { readonly kind: 'video'; readonly shown: ShownFrames; readonly tokensPerFrame: number }
  | { readonly kind: 'sound'; readonly tokens: number }

/** Rows of the features of a picture or sound, or of a group of a clip's frames. Media count from 0. */
export interface MediumPiece {
  readonly kind: 'medium'
  readonly medium: number
  /** 0 of a picture, and of a sound. */
  readonly group: number
  readonly firstRow: number
  readonly rows: number
}

export interface MediaPrompts {
  /** Undefined for text models. */
  readonly picturePrompt: PicturePrompt | undefined
  /** Absent or undefined where there are no clips. */
  readonly videoRule?: VideoRule | undefined
  /** Absent or undefined for models that hear nothing. */
  readonly hearing?: Pick<HearingModel, 'audioToken'> | undefined
}

/** What becomes of one placeholder: texts, and a stretch of features between each two. */
export interface Slot {
  readonly placeholder: string
  /** The first and the last are of one piece with the text beside the placeholder. */
  readonly texts: readonly string[]
  readonly stretches: readonly Stretch[]
  /** A text of its own in messages that are texts: the placeholder for each stretch, or one for all. */
  readonly isOneText: boolean
}

interface Stretch {
  readonly piece: MediumPiece
  /** Each tokenized by itself. */
  readonly before: readonly string[]
  readonly after: readonly string[]
}

/** How the model is given a picture, a clip or a sound. */
export interface WrittenMedium {
  /** What the template is told of. */
  readonly parts: readonly TemplatePart[]
  readonly slots: readonly Slot[]
}

export function writeMedia(prompts: MediaPrompts, media: readonly PromptMedium[]): WrittenMedium[] {
  const count = { picture: 0, video: 0 }
  // Whether a picture is alone depends on the frames of clips, too, however these are written.
  const seen = media.reduce((sum, medium) => sum + picturesOf(medium), 0)
  return media.map((medium, i): WrittenMedium => {
    if (medium.kind === 'video') return writeVideo(prompts, medium, i, count)
    if (medium.kind === 'sound') return writeSound(prompts, medium.tokens, i)
    const picturePrompt = prompts.picturePrompt!
    const texts = picturePrompt.texts(medium.layout, ++count.picture, seen)
    const stretches = texts.length - 1
    const rows = medium.tokens / stretches
    const pieces = Array.from({ length: stretches }, (_, stretch): MediumPiece => {
      return { kind: 'medium', medium: i, group: 0, firstRow: stretch * rows, rows }
    })
    const slot = pictureSlot(picturePrompt, count.picture, texts, pieces)
    return { parts: [{ type: 'image' }], slots: [slot] }
  })
}

function picturesOf(medium: PromptMedium): number {
  if (medium.kind === 'sound') return 0
  return medium.kind === 'picture' ? 1 : medium.shown.seconds.length
}

function writeSound({ hearing }: MediaPrompts, rows: number, i: number): WrittenMedium {
  const piece = { kind: 'medium', medium: i, group: 0, firstRow: 0, rows } as const
  const slot: Slot = {
    placeholder: hearing!.audioToken,
    texts: ['', ''],
    stretches: [{ piece, before: [], after: [] }],
    isOneText: false,
  }
  return { parts: [{ type: 'audio' }], slots: [slot] }
}

/** `count`: what has been written before, which grows. */
function writeVideo(
  { picturePrompt, videoRule }: MediaPrompts,
  { shown, tokensPerFrame }: Extract<PromptMedium, { kind: 'video' }>,
  i: number,
  count: { picture: number; video: number },
): WrittenMedium {
  const { prompt } = videoRule!
  const frames = shown.seconds.length
  if (prompt.form === 'video') {
    const { texts, stretches } = prompt.write(shown, ++count.video, tokensPerFrame)
    const slot: Slot = {
      placeholder: prompt.placeholder(count.video),
      texts,
      isOneText: true,
      stretches: stretches.map(({ before, after, ...piece }) => {
        return { piece: { kind: 'medium', medium: i, ...piece }, before, after }
      }),
    }
    return { parts: [{ type: 'video', frames }], slots: [slot] }
  }
  const slots = shown.seconds.map((second, group) => {
    const piece = { kind: 'medium', medium: i, group, firstRow: 0, rows: tokensPerFrame } as const
    return pictureSlot(picturePrompt!, ++count.picture, prompt.around(second), [piece])
  })
  return { parts: slots.map(() => ({ type: 'image' })), slots }
}

/** Pictures that are written as such, frames of clips among them where the family does so. */
function picturesIn({ videoRule }: MediaPrompts, media: readonly PromptMedium[]): number {
  const isPictures = videoRule?.prompt.form === 'pictures'
  return media.reduce((sum, medium) => {
    if (medium.kind !== 'video') return sum + picturesOf(medium)
    return sum + (isPictures ? picturesOf(medium) : 0)
  }, 0)
}

function pictureSlot(
  prompt: PicturePrompt,
  number: number,
  texts: readonly string[],
  pieces: readonly MediumPiece[],
): Slot {
  const { before, after } = prompt.stretchTexts
  return {
    // A family's placeholder need not be a token.
    placeholder: prompt.placeholder(number),
    texts,
    isOneText: false,
    stretches: pieces.map((piece) => ({ piece, before: [before], after: [after] })),
  }
}

/** Placeholders that no template may write beyond those of the media. */
export function placeholdersOfOneMore(
  prompts: MediaPrompts,
  media: readonly PromptMedium[],
): string[] {
  const { picturePrompt, videoRule, hearing } = prompts
  const sound = hearing ? [hearing.audioToken] : []
  if (!picturePrompt) return sound
  const picture = picturePrompt.placeholder(picturesIn(prompts, media) + 1)
  const prompt = videoRule?.prompt
  if (prompt?.form !== 'video') return [picture, ...sound]
  const videos = media.filter(({ kind }) => kind === 'video').length
  return [picture, prompt.placeholder(videos + 1), ...sound]
}

/** In a message that is one text, texts between the stretches of a picture stand in it already. */
export function slotOfEachStretch(slot: Slot): Slot[] {
  if (slot.isOneText) return [slot]
  return slot.stretches.map((stretch) => ({ ...slot, texts: ['', ''], stretches: [stretch] }))
}

/** Positions of a clip's features in the prompt. */
export function writtenRows(
  { prompt }: VideoRule,
  { shown, tokensPerFrame }: Extract<PromptMedium, { kind: 'video' }>,
): number {
  if (prompt.form === 'pictures') return shown.seconds.length * tokensPerFrame
  const { stretches } = prompt.write(shown, 1, tokensPerFrame)
  return stretches.reduce((sum, { rows }) => sum + rows, 0)
}
