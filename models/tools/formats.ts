/** All formats, those first whose marks say more. */
import type { ToolFormat } from './format.ts'
import { functionary } from './functionary.ts'
import { generic, hermes } from './hermes.ts'
import { llama3 } from './llama3.ts'
import { mistral, mistralNamed, mistralNemo } from './mistral.ts'
import { nemotron, nemotronList } from './nemotron.ts'
import { phi4 } from './phi4.ts'
import { smollm2 } from './smollm2.ts'

/** For templates that know tools. */
export const TEMPLATE_FORMATS: readonly ToolFormat[] = [
  mistralNamed,
  mistralNemo,
  mistral,
  nemotronList,
  nemotron,
  phi4,
  hermes,
  functionary,
  llama3,
]

/** For those that do not; the last is for all others. */
export const WRITTEN_FORMATS: readonly ToolFormat[] = [smollm2, generic]
