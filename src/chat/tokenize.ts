/** What a conversation costs, from the headers of its pictures and clips: nothing is generated, and nothing decoded but sounds, and clips to find scenes. */

import type { Media } from '../media/types.ts'
import type { ChatMessage, TokenizeRequest, TokenizeResult } from './contract.ts'
import { documentsSeen } from './documents.ts'
import { loadMedia, releaseMedia } from './media-parts.ts'
import type { ServedModel } from './model.ts'
import { buildPrompt, type Prompt } from './prompt.ts'
import type { PromptMedium } from './prompt-media.ts'

/** A request whose files have become pictures and texts. */
export interface OpenedRequest extends Omit<TokenizeRequest, 'input'> {
  readonly input:
    | { readonly type: 'messages'; readonly messages: readonly ChatMessage[] }
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
    const [ids] = await model.encoder.encode([request.input.text])
    return {
      ...base,
      tokens: ids!.length,
      ...{ imageTokens: 0, videoTokens: 0, soundTokens: 0 },
      ...{ images: [], documents: [], videos: [], sounds: [] },
      ids: request.returnIds ? Array.from(ids!) : undefined,
    }
  }
  const { messages } = request.input
  const loaded = await loadMedia(model, media, messages, signal, { isToListScenes: true })
  // Only the headers, and the lengths of sounds, were of interest.
  releaseMedia(media, loaded)
  const { imageTokens, videoTokens, soundTokens } = loaded
  const prompt = await buildPrompt(model, messages, loaded.inOrder)
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
    ids: request.returnIds ? expandedIds(model, prompt, loaded.inOrder) : undefined,
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
