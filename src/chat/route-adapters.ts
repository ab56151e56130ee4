/** Adapters by the names of models: a request for one goes to the model that it belongs to. */
import type { ChatService } from './contract.ts'
import type { ServedModel } from './model.ts'

export function routeAdapters(
  service: ChatService,
  { id, adapters }: Pick<ServedModel, 'id' | 'adapters'>,
): ChatService {
  const routed = <Request extends { readonly model: string }>(request: Request) =>
    adapters.has(request.model) ? { ...request, model: id, adapter: request.model } : request
  return {
    models: () => [{ id }, ...[...adapters.keys()].map((name) => ({ id: name }))],
    complete: (request, signal) => service.complete(routed(request), signal),
    tokenize: (request, signal) => service.tokenize(routed(request), signal),
  }
}
