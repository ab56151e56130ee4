/** What a conversation costs, from the headers of its pictures: nothing is decoded or generated. */

import type { Media } from '../media/types.ts'
import type { ChatMessage, TokenizeRequest, TokenizeResult } from './contract.ts'
import type { ServedModel } from './model.ts'
import { imageTokens, type LoadedPicture, loadPictures, releasePictures } from './pictures.ts'
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
      imageTokens: 0,
      images: [],
      ids: request.returnIds ? Array.from(ids!) : undefined,
    }
  }
  const pictures = await loadPictures(model, media, request.input.messages, signal)
  // Only the headers were of interest.
  releasePictures(media, pictures)
  const layouts = pictures.map((picture) => picture.layout)
  const prompt = await buildPrompt(model, request.input.messages, layouts)
  return {
    ...base,
    tokens: prompt.textTokens + imageTokens(pictures),
    imageTokens: imageTokens(pictures),
    images: pictures.map(({ part, image, layout, tokens }) => ({
      param: part.param,
      detail: part.detail,
      format: image.header.format,
      width: image.header.width,
      height: image.header.height,
      tiles: layout.tiles,
      tokens,
    })),
    ids: request.returnIds ? expandedIds(model, prompt, pictures) : undefined,
  }
}

function expandedIds(
  model: ServedModel,
  prompt: Prompt,
  pictures: readonly LoadedPicture[],
): number[] {
  return prompt.pieces.flatMap((piece) =>
    piece.kind === 'tokens'
      ? [...piece.ids]
      : new Array<number>(pictures[piece.picture]!.tokens / piece.stretches).fill(
          model.imageTokenId,
        ),
  )
}
