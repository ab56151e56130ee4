/** Expert models that a model's prompts name. */
import { EXPERTS } from '../../models/vila-m3/expert-cards.ts'

export interface NamedExpert {
  readonly name: string
  readonly modality: string
  readonly task: string
  /** Whether this server runs it when the model asks for it. */
  readonly isRunning: boolean
}

/** As the published code does, VILA-M3 is told from VILA-1.5 by its name: the configs are the same. */
const VILA_M3 = /vila[-_.]?m3/i

/** `names`: what the model is called here and where it came from. */
export function expertsOf(family: string, names: readonly string[]): NamedExpert[] {
  if (family !== 'llava_llama' || !names.some((name) => VILA_M3.test(name))) return []
  return EXPERTS.map(({ name, modality, task }) => ({ name, modality, task, isRunning: false }))
}
