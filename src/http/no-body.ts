/** Routes that take no body. Official clients announce JSON there and send nothing. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AerieError } from '../errors.ts'

export function acceptNoBody(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, refuseBody)
}

async function refuseBody(_request: FastifyRequest, body: Buffer): Promise<void> {
  if (body.length > 0) throw new AerieError('invalid_request', 'the body: expected none')
}
