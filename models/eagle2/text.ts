/** The decoders that Eagle 2 and 2.5 take (`modeling_eagle2_5_vl.py`). */
import type { TextDecoderConfig } from '../blocks/text-config.ts'
import type { ConfigReader } from '../config-reader.ts'
import { readLlamaConfig } from '../llama.ts'
import { readPhi3Config } from '../phi3.ts'
import { readQwen2Config } from '../qwen2.ts'
import { readQwen3Config } from '../qwen3.ts'

const READERS = {
  llama: readLlamaConfig,
  phi3: readPhi3Config,
  qwen2: readQwen2Config,
  qwen3: readQwen3Config,
}

/** Tensors of the decoder, as the blocks name them, have this in front. */
export const TEXT_PREFIX = 'language_model.'

/** Reads the decoder's part of a config.json, and refuses adapters, whose tensors have other names. */
export function readEagle2Text(
  config: ConfigReader,
  key: 'text_config' | 'llm_config',
): TextDecoderConfig {
  for (const adapter of ['use_backbone_lora', 'use_llm_lora']) config.oneOf(adapter, [0], 0)
  const raw = config.object(key)
  const kind = raw.oneOf('model_type', ['llama', 'phi3', 'qwen2', 'qwen3'])
  const text = READERS[kind](raw)
  if (config.boolean('tie_word_embeddings', text.tieWordEmbeddings) !== text.tieWordEmbeddings)
    throw config.mismatch('tie_word_embeddings', `${text.tieWordEmbeddings}, as in ${key}`)
  return text
}

/** Graph names of tensors that a decoder's checkpoint may carry in vain: a head that is the embedding anyway. */
export function unusedHead({ tieWordEmbeddings }: TextDecoderConfig): readonly string[] {
  return tieWordEmbeddings ? ['lm_head.weight'] : []
}
