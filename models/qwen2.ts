/** Qwen2 and Qwen2.5: Llama with biases of q, k and v. */

import {
  type AttentionLayer,
  plainDecoder,
  readTextSizes,
  type TextDecoderConfig,
} from './blocks/text-config.ts'
import type { ConfigReader } from './config-reader.ts'
import { defineTextFamily } from './text-family.ts'

export function readQwen2Config(raw: ConfigReader): TextDecoderConfig {
  raw.oneOf('hidden_act', ['silu'], 'silu')
  const plain = plainDecoder(raw, readTextSizes(raw))
  return withUpperWindows(raw, { ...plain, attention: { ...plain.attention, qkvBias: true } })
}

export const family = defineTextFamily('qwen2', readQwen2Config)

/** With `use_sliding_window`, layers from `max_window_layers` on see only a window; both Qwen2 and Qwen3 have it, off. */
export function withUpperWindows(raw: ConfigReader, c: TextDecoderConfig): TextDecoderConfig {
  if (!raw.boolean('use_sliding_window', false)) return c
  const window = raw.size('sliding_window')
  const first = raw.size('max_window_layers')
  const layers = c.attention.layers.map(
    (layer, i): AttentionLayer => (i < first ? layer : { ...layer, window }),
  )
  return { ...c, attention: { ...c.attention, layers } }
}
