/** Qwen3: Llama with queries and keys normed head by head (arXiv 2505.09388). */
import { plainDecoder, readTextSizes } from './blocks/text-config.ts'
import { withUpperWindows } from './qwen2.ts'
import { defineTextFamily } from './text-family.ts'

export const family = defineTextFamily('qwen3', (raw) => {
  raw.oneOf('hidden_act', ['silu'], 'silu')
  const plain = plainDecoder(raw, readTextSizes(raw))
  const bias = raw.boolean('attention_bias', false)
  const attention = { ...plain.attention, qkvBias: bias, outBias: bias, qkNorm: true }
  return withUpperWindows(raw, { ...plain, attention })
})
