/** A case of VILA-U, opened: what both of its adapters compute with. */
import { join } from 'node:path'
import { loadModelConfig } from '../../models/load-config.ts'
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import type { VilaUConfig } from '../../models/vila_u_llama.ts'
import { ChatTemplate } from '../chat/template.ts'
import { type ModelFiles, openModelFiles } from '../engine/backends/model-files.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ReferenceCase } from './reference-case.ts'

export interface VilaUCase {
  readonly reference: ReferenceCase
  readonly backend: string
  readonly config: VilaUConfig
  readonly preprocessing: ImagePreprocessing
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** The caller closes their checkpoint. */
  readonly files: ModelFiles
}

export async function openVilaUCase(reference: ReferenceCase, backend: string): Promise<VilaUCase> {
  const { checkpoint } = reference
  const { family, config, preprocessing } = await loadModelConfig(checkpoint)
  const tokenizer = await Tokenizer.load(join(checkpoint, family.textFolder ?? ''))
  const hasToken = (token: string) => tokenizer.idOf(token) !== undefined
  const { template } = family.conversation!(config, hasToken)!
  return {
    reference,
    backend,
    config: config as VilaUConfig,
    preprocessing: preprocessing!,
    tokenizer,
    template: await ChatTemplate.ofFamily(template, tokenizer),
    files: await openModelFiles(checkpoint),
  }
}
