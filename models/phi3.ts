/** Phi-3 (arXiv 2404.14219): Llama with q, k, v in one matrix, gate and up in another; LongRoPE within the original context. */

import { readRope, rotatedChannels } from './blocks/rope.ts'
import {
  everyLayer,
  plainDecoder,
  readTextSizes,
  type TextDecoderConfig,
} from './blocks/text-config.ts'
import type { ConfigReader } from './config-reader.ts'
import { defineTextFamily } from './text-family.ts'

export function readPhi3Config(raw: ConfigReader): TextDecoderConfig {
  raw.oneOf('hidden_act', ['silu'], 'silu')
  if (raw.boolean('attention_bias', false)) throw raw.mismatch('attention_bias', 'false')
  const sizes = readTextSizes(raw)
  const rotated = rotatedChannels(raw, 'partial_rotary_factor', sizes.headDim, 1)
  const rope = readRope(raw, rotated)
  const plain = plainDecoder(raw, sizes, rope)
  const layer = raw.has('sliding_window') ? { rope, window: raw.size('sliding_window') } : { rope }
  return {
    ...plain,
    attention: { ...plain.attention, isFused: true, layers: everyLayer(sizes.layers, layer) },
    mlp: { ...plain.mlp, isFused: true },
  }
}

export const family = defineTextFamily('phi3', readPhi3Config)
