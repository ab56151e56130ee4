/** The served model that a request names. */
import { AerieError } from '../errors.ts'

export interface ServedModels<Model> {
  /** Those that can do what is asked. */
  readonly models: readonly Model[]
  /** Names of those that cannot. */
  readonly others: readonly string[]
  /** What the others do instead, for the message: `embeds pictures and does not answer; ask /v1/embeddings`. */
  readonly othersDo: string
}

/** Throws `model_not_found`, or `unsupported_parameter` for one that is served and cannot do it. */
export function findModel<Model extends { readonly id: string }>(
  { models, others, othersDo }: ServedModels<Model>,
  id: string,
): Model {
  const model = models.find((candidate) => candidate.id === id)
  if (model) return model
  if (others.includes(id)) {
    throw new AerieError('unsupported_parameter', `model: ${id} ${othersDo}`, { param: 'model' })
  }
  const served = [...models.map((candidate) => candidate.id), ...others].join(', ')
  throw new AerieError(
    'model_not_found',
    `model '${id.slice(0, 80)}' is not served here; there is: ${served}`,
    { param: 'model' },
  )
}
