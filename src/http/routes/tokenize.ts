/** `/v1/tokenize`: the cost of a request before paying for it; and `/v1/detokenize`, the way back from ids to text. */
import type { FastifyInstance } from 'fastify'
import type { ChatService, TokenizeResult } from '../../chat/contract.ts'
import type { Contract } from '../contract.ts'
import type { components } from '../openapi.d.ts'
import { toTokenizeRequest } from '../wire-request.ts'
import { toWireSound } from '../wire-sound.ts'
import { documentsField } from '../wire-usage.ts'
import { toWireVideo } from '../wire-video.ts'

interface TokenizeRoute {
  readonly service: Pick<ChatService, 'tokenize' | 'detokenize'>
  readonly contract: Contract
}

export function tokenizeRoute(app: FastifyInstance, { service, contract }: TokenizeRoute): void {
  app.post('/v1/tokenize', async (request) => {
    const wire = contract.check('TokenizeRequest', request.body)
    const { tenant, signal, isInner } = request.state
    const tokenize = toTokenizeRequest(wire, { requestId: request.id, tenant, isInner })
    return toWire(await service.tokenize(tokenize, signal))
  })

  app.post('/v1/detokenize', async (request) => {
    const { model, tokens: ids } = contract.check('DetokenizeRequest', request.body)
    const { tenant, signal } = request.state
    const found = await service.detokenize({ requestId: request.id, model, ids, tenant }, signal)
    return { model: found.model, prompt: found.text } satisfies Wire['DetokenizeResponse']
  })
}

type Wire = components['schemas']

function toWire(result: TokenizeResult): Wire['TokenizeResponse'] {
  const { model, tokens, imageTokens, videoTokens, soundTokens } = result
  const { images, documents, videos, sounds, ids, strings, maxContext } = result
  return {
    model,
    tokens,
    text_tokens: tokens - imageTokens - videoTokens - soundTokens,
    image_tokens: imageTokens,
    video_tokens: videoTokens,
    audio_tokens: soundTokens,
    videos: videos.map(toWireVideo),
    sounds: sounds.map(toWireSound),
    images: images.map(({ param, page, detail, format, width, height, tiles, tokens }) => {
      const known = { param, detail, format, width, height, tiles, tokens }
      return page === undefined ? known : { ...known, page }
    }),
    ...documentsField(documents),
    ...(ids ? { ids: [...ids] } : {}),
    ...(strings ? { token_strs: [...strings] } : {}),
    max_context: maxContext,
    remaining: maxContext - tokens,
  }
}
