/** Expert models that a model's answers may call. */
import type { ExpertCard } from '../../models/family.ts'
import type { ModelConfig } from '../../models/load-config.ts'

export interface NamedExpert extends ExpertCard {
  /** Whether this server runs it when the model asks for it. */
  readonly isRunning: boolean
}

/** `names`: what the model is called here and where it came from. */
export function expertsOf(
  { experts }: Pick<ModelConfig['family'], 'experts'>,
  names: readonly string[],
): NamedExpert[] {
  const cards = experts?.(names) ?? []
  return cards.map(({ name, modality, task }) => ({ name, modality, task, isRunning: false }))
}
