/** Qwen3: Llama with queries and keys normed head by head (arXiv 2505.09388). */
import { plainDecoder, readTextSizes, type TextDecoderConfig } from './blocks/text-config.ts'
import type { ConfigReader } from './config-reader.ts'
import { withUpperWindows } from './qwen2.ts'
import { defineTextFamily } from './text-family.ts'

export function readQwen3Config(raw: ConfigReader): TextDecoderConfig {
  raw.oneOf('hidden_act', ['silu'], 'silu')
  const plain = plainDecoder(raw, readTextSizes(raw))
  const bias = raw.boolean('attention_bias', false)
  const attention = { ...plain.attention, qkvBias: bias, outBias: bias, qkNorm: true }
  return withUpperWindows(raw, { ...plain, attention })
}

export const family = defineTextFamily('qwen3', readQwen3Config)
