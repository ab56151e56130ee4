/** What a conversation costs, from the headers of its pictures and clips: nothing is generated, and nothing decoded but to find scenes. */

import type { Media } from '../media/types.ts'
import type { ChatMessage, TokenizeRequest, TokenizeResult } from './contract.ts'
import { documentsSeen } from './documents.ts'
import { loadMedia, releaseMedia } from './media-parts.ts'
import type { ServedModel } from './model.ts'
import { buildPrompt, type Prompt } from './prompt.ts'

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
  const base = { model: model.id, maxContext: model.limits.maxContext }
  if (request.input.type === 'text') {
    const [ids] = await model.encoder.encode([request.input.text])
    return {
      ...base,
      tokens: ids!.length,
      ...{ imageTokens: 0, videoTokens: 0 },
      ...{ images: [], documents: [], videos: [] },
      ids: request.returnIds ? Array.from(ids!) : undefined,
    }
  }
  const { messages } = request.input
  const loaded = await loadMedia(model, media, messages, signal, { isToListScenes: true })
  // Only the headers were of interest.
  releaseMedia(media, loaded)
  const { imageTokens, videoTokens } = loaded
  const prompt = await buildPrompt(model, messages, loaded.inOrder)
  return {
    ...base,
    tokens: prompt.textTokens + imageTokens + videoTokens,
    ...{ imageTokens, videoTokens },
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
    ids: request.returnIds ? expandedIds(model, prompt) : undefined,
  }
}

function expandedIds({ imageTokenId }: ServedModel, { pieces }: Prompt): number[] {
  return pieces.flatMap((piece) =>
    piece.kind === 'tokens' ? [...piece.ids] : new Array<number>(piece.rows).fill(imageTokenId),
  )
}
