/**
 * Nemotron-4 and Minitron (arXiv 2407.14679): LayerNorm whose weight is stored less one, an MLP without gate
 * of squared relu, and only the first part of each head rotated.
 */

import { readRope, rotatedChannels } from './blocks/rope.ts'
import { plainDecoder, readTextSizes } from './blocks/text-config.ts'
import { defineTextFamily } from './text-family.ts'

export const family = defineTextFamily('nemotron', (raw) => {
  raw.oneOf('hidden_act', ['relu2'], 'relu2')
  const sizes = readTextSizes(raw)
  // Two spellings of the same.
  const part = raw.has('partial_rotary_factor') ? 'partial_rotary_factor' : 'rope_percent'
  const rotated = rotatedChannels(raw, part, sizes.headDim, 0.5)
  const plain = plainDecoder(raw, sizes, readRope(raw, rotated))
  const bias = raw.boolean('attention_bias', false)
  return {
    ...plain,
    norm: { kind: 'layer', epsilon: raw.number('norm_eps', 1e-5), weightOffset: 1 },
    attention: {
      ...plain.attention,
      qkvBias: bias,
      outBias: bias,
    },
    mlp: {
      form: 'plain',
      activation: 'relu2',
      bias: raw.boolean('mlp_bias', false),
      isFused: false,
    },
  }
})
