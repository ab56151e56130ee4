/** `/v1/models` and `/v1/models/{model}`. */
import type { FastifyInstance } from 'fastify'
import type { CapabilityDocument } from '../../capabilities/document.ts'
import { AerieError } from '../../errors.ts'
import { describeValue } from '../describe.ts'
import type { components } from '../openapi.d.ts'
import { toWireDocument, toWireModel } from '../wire-model.ts'

interface ModelRoutes {
  /** In the order of the list. */
  readonly models: readonly CapabilityDocument[]
}

export function modelRoutes(app: FastifyInstance, { models }: ModelRoutes): void {
  app.get('/v1/models', async (): Promise<components['schemas']['ModelList']> => {
    return { object: 'list', data: models.map(toWireModel) }
  })

  // A wildcard, because ids like `nvidia/Eagle2-1B` have slashes that some clients leave as they are.
  app.get<{ Params: { '*': string } }>('/v1/models/*', async ({ params }) => {
    const document = models.find(({ id }) => id === params['*'])
    if (!document) {
      const what = `no model ${describeValue(params['*'])}; /v1/models lists what is served`
      throw new AerieError('model_not_found', what, { param: 'model' })
    }
    return toWireDocument(document)
  })
}
