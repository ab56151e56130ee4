/** How long an answer may be, or why there is no room for one, before anything is decoded. */
import { AerieError } from '../errors.ts'
import type { ChatRequest } from './contract.ts'
import type { LoadedMedia } from './media-parts.ts'
import type { ServedModel } from './model.ts'
import type { Prompt } from './prompt.ts'

type Sized = Pick<ServedModel, 'limits' | 'defaultMaxTokens' | 'videoRule'>

/** Tokens the answer may have. Throws `context_length_exceeded`, which says how many frames of clips would fit. */
export function answerRoom(
  model: Sized,
  prompt: Prompt,
  media: Pick<LoadedMedia, 'inOrder' | 'imageTokens' | 'videoTokens' | 'soundTokens'>,
  {
    maxTokens,
    endsWithContext = false,
    messagesParam: param = 'messages',
  }: Pick<ChatRequest, 'maxTokens' | 'endsWithContext' | 'messagesParam'>,
): number {
  const { maxContext, maxPrompt = maxContext } = model.limits
  const { imageTokens, videoTokens, soundTokens } = media
  const used = prompt.textTokens + imageTokens + videoTokens + soundTokens
  const frames = videoTokens > 0 ? `, ${videoTokens} frames of clips` : ''
  const sounds = soundTokens > 0 ? `, ${soundTokens} sounds` : ''
  const takes = `the prompt takes ${used} positions (${prompt.textTokens} text, ${imageTokens} pictures${frames}${sounds})`
  const wanted = endsWithContext ? 1 : (maxTokens ?? 1)
  const tooLong = (what: string, most: number) => {
    const advice = framesThatFit(model, prompt, media, used - most)
    const text = `${takes}${what}${advice}`
    return new AerieError('context_length_exceeded', text, { param })
  }
  if (used > maxPrompt)
    throw tooLong(`; the model reads ${maxPrompt} of its ${maxContext}`, maxPrompt)
  if (used + wanted > maxContext) {
    const answer = maxTokens === undefined || endsWithContext ? 'at least one' : `up to ${wanted}`
    throw tooLong(` and the answer ${answer}; the model has ${maxContext}`, maxContext - wanted)
  }
  return Math.min(maxTokens ?? model.defaultMaxTokens, maxContext - used)
}

/** Of all clips together, if `excess` positions were not there; nothing where there are no clips. */
function framesThatFit(
  { videoRule }: Sized,
  { pieces }: Prompt,
  { inOrder, videoTokens }: Pick<LoadedMedia, 'inOrder' | 'videoTokens'>,
  excess: number,
): string {
  const frames = inOrder.reduce(
    (sum, medium) => sum + (medium.kind === 'video' ? medium.shown.seconds.length : 0),
    0,
  )
  if (frames === 0) return ''
  // The texts between the stretches of a clip go with its frames.
  let words = 0
  pieces.forEach((piece, i) => {
    const [before, after] = [pieces[i - 1], pieces[i + 1]]
    if (piece.kind !== 'tokens' || before?.kind !== 'medium' || after?.kind !== 'medium') return
    const isWithin = before.medium === after.medium && inOrder[before.medium]!.kind === 'video'
    if (isWithin) words += piece.ids.length
  })
  const perFrame = (videoTokens + words) / frames
  const { multiple } = videoRule!
  const fit = Math.floor((frames - Math.ceil(excess / perFrame)) / multiple) * multiple
  if (fit < 1) return `; of the ${frames} frames none would fit`
  return `; of the ${frames} frames about ${fit} would fit, see max_frames`
}
