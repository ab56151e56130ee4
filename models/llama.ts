/** Llama 2 and 3, and what NVIDIA pruned of them (Llama-3.1-Minitron: heads · head_dim is not the hidden size). */

import { plainDecoder, readTextSizes, type TextDecoderConfig } from './blocks/text-config.ts'
import type { ConfigReader } from './config-reader.ts'
import { defineTextFamily } from './text-family.ts'

export function readLlamaConfig(raw: ConfigReader): TextDecoderConfig {
  raw.oneOf('hidden_act', ['silu'], 'silu')
  const plain = plainDecoder(raw, readTextSizes(raw))
  const bias = raw.boolean('attention_bias', false)
  return {
    ...plain,
    attention: { ...plain.attention, qkvBias: bias, outBias: bias },
    mlp: { ...plain.mlp, bias: raw.boolean('mlp_bias', false) },
  }
}

export const family = defineTextFamily('llama', readLlamaConfig)
