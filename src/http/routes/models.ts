/** `/v1/models`: list, describe, load, unload. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AerieError } from '../../errors.ts'
import type { ModelDirectory } from '../../serving/contract.ts'
import { acceptNoBody } from '../no-body.ts'
import type { components } from '../openapi.d.ts'
import { toWireDocument, toWireModel } from '../wire-model.ts'

interface ModelRoutes {
  readonly models: ModelDirectory
}

/** Wildcards, because ids like `nvidia/Eagle2-1B` have slashes that some clients leave as they are. */
type Named = FastifyRequest<{ Params: { '*': string } }>

export async function modelRoutes(app: FastifyInstance, { models }: ModelRoutes): Promise<void> {
  app.get('/v1/models', async (): Promise<components['schemas']['ModelList']> => {
    return { object: 'list', data: models.list().map(toWireModel) }
  })

  app.get('/v1/models/*', async ({ params }: Named) => toWireDocument(models.find(params['*'])))

  await app.register(async (scope) => {
    acceptNoBody(scope)
    const config = { paths: /^\/v1\/models\/.+\/(load|unload)$/ }
    scope.post(
      '/v1/models/*',
      { config },
      async ({ params, state }: Named, reply: FastifyReply) => {
        const [, name, action] = /^(.+)\/(load|unload)$/.exec(params['*']) ?? []
        if (name === undefined) {
          reply.header('allow', 'GET, HEAD')
          throw new AerieError('method_not_allowed', 'the method: expected GET or HEAD, got POST')
        }
        state.facts['model'] = models.find(name).id
        // No deadline but the client's: a large model may take longer than any request.
        const done =
          action === 'load'
            ? await models.load(name, state.signal)
            : await models.unload(name, state.signal)
        return toWireDocument(done)
      },
    )
  })
}
