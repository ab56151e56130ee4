/** What a conversation costs, from the headers of its pictures and clips: nothing is generated, and nothing decoded but sounds, and clips to find scenes. */

import type { Media } from '../media/types.ts'
import type { ChatMessage, TokenizeRequest, TokenizeResult, Tool } from './contract.ts'
import { documentsSeen } from './documents.ts'
import { loadMedia, releaseMedia } from './media-parts.ts'
import type { ServedModel } from './model.ts'
import { toTokenText } from './output.ts'
import { buildPrompt, type Prompt } from './prompt.ts'
import type { PromptMedium } from './prompt-media.ts'

/** A request whose files have become pictures and texts. */
export interface OpenedRequest extends Omit<TokenizeRequest, 'input'> {
  readonly input:
    | {
        readonly type: 'messages'
        readonly messages: readonly ChatMessage[]
        /** That the model is told of. */
        readonly tools: readonly Tool[]
        /** As of the request. */
        readonly messagesParam?: string | undefined
      }
    | Extract<TokenizeRequest['input'], { type: 'text' }>
}

export async function tokenize(
  model: ServedModel,
  media: Media,
  request: OpenedRequest,
  signal: AbortSignal,
): Promise<TokenizeResult> {
  const { maxContext, maxPrompt = maxContext } = model.limits
  const base = { model: model.id, maxContext, maxPrompt }
  if (request.input.type === 'text') {
    const { text, addsSpecialTokens: whole } = request.input
    const [ids] = await model.encoder.encode([text], { whole })
    return {
      ...base,
      tokens: ids!.length,
      ...{ imageTokens: 0, videoTokens: 0, soundTokens: 0 },
      ...{ images: [], documents: [], videos: [], sounds: [] },
      ...tokensAsAsked(model, request, () => Array.from(ids!)),
    }
  }
  const { messages, tools, messagesParam } = request.input
  const loaded = await loadMedia(model, media, messages, signal, { isToListScenes: true })
  // Only the headers, and the lengths of sounds, were of interest.
  releaseMedia(media, loaded)
  const { imageTokens, videoTokens, soundTokens } = loaded
  const prompt = await buildPrompt(model, messages, loaded.inOrder, tools, messagesParam)
  return {
    ...base,
    tokens: prompt.textTokens + imageTokens + videoTokens + soundTokens,
    ...{ imageTokens, videoTokens, soundTokens },
    images: loaded.pictures.map(({ part, image, layout, tokens }) => ({
      param: part.param,
      ...(image.page !== undefined && { page: image.page }),
      detail: part.detail,
      format: image.header.format,
      width: image.header.width,
      height: image.header.height,
      tiles: layout.tiles,
      tokens,
    })),
    documents: documentsSeen(messages),
    videos: loaded.videos.map(({ cost }) => cost),
    sounds: loaded.sounds.map(({ cost }) => cost),
    ...tokensAsAsked(model, request, () => expandedIds(model, prompt, loaded.inOrder)),
  }
}

function tokensAsAsked(
  { tokenizer }: ServedModel,
  { returnIds, returnStrings }: OpenedRequest,
  make: () => number[],
): Pick<TokenizeResult, 'ids' | 'strings'> {
  if (!returnIds && !returnStrings) return { ids: undefined, strings: undefined }
  const ids = make()
  // A placeholder that the vocabulary does not have has no text.
  const textOf = (id: number) => toTokenText(tokenizer, { id, logprob: 0 }).token
  return {
    ids: returnIds ? ids : undefined,
    strings: returnStrings ? ids.map(textOf) : undefined,
  }
}

function expandedIds(
  { imageTokenId, audioTokenId }: ServedModel,
  { pieces }: Prompt,
  media: readonly PromptMedium[],
): number[] {
  return pieces.flatMap((piece) => {
    if (piece.kind === 'tokens') return [...piece.ids]
    const id = media[piece.medium]!.kind === 'sound' ? audioTokenId : imageTokenId
    return new Array<number>(piece.rows).fill(id)
  })
}
