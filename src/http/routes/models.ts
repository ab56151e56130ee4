/** `/v1/models` and `/v1/models/{model}`. */
import type { FastifyInstance } from 'fastify'
import type { ChatService, ModelCard } from '../../chat/contract.ts'
import { AerieError } from '../../errors.ts'
import { describeValue } from '../describe.ts'
import type { components } from '../openapi.d.ts'

interface ModelRoutes {
  readonly service: Pick<ChatService, 'models'>
}

export function modelRoutes(app: FastifyInstance, { service }: ModelRoutes): void {
  app.get('/v1/models', async (): Promise<components['schemas']['ModelList']> => {
    return { object: 'list', data: service.models().map(toWireModel) }
  })

  // A wildcard, because ids like `nvidia/Eagle2-1B` have slashes that some clients leave as they are.
  app.get<{ Params: { '*': string } }>('/v1/models/*', async ({ params }) => {
    const card = service.models().find(({ id }) => id === params['*'])
    if (!card) {
      const what = `no model ${describeValue(params['*'])}; /v1/models lists what is served`
      throw new AerieError('model_not_found', what, { param: 'model' })
    }
    return toWireModel(card)
  })
}

function toWireModel(card: ModelCard): components['schemas']['Model'] {
  const defaults = card.samplingDefaults
  return {
    id: card.id,
    object: 'model',
    created: card.created,
    owned_by: card.ownedBy,
    aerie: {
      family: card.family,
      max_context: card.maxContext,
      max_images: card.maxImages,
      input_modalities: [...card.inputModalities],
      sampling_defaults: {
        temperature: defaults.temperature,
        top_p: defaults.topP,
        top_k: defaults.topK,
        min_p: defaults.minP,
        repetition_penalty: defaults.repetitionPenalty,
      },
      detail: card.detail.map(({ level, maxTiles, maxTokens }) => ({
        level,
        max_tiles: maxTiles,
        max_tokens: maxTokens,
      })),
    },
  }
}
