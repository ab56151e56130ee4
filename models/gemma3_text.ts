/**
 * Gemma 3 (arXiv 2503.19786), the text model: embeddings times √hidden, norms around both parts of a layer with
 * weights stored less one, and of every six layers five with a sliding window and a base frequency of their own.
 */

import { plainRope, readRope } from './blocks/rope.ts'
import { plainDecoder, readTextSizes } from './blocks/text-config.ts'
import { defineTextFamily } from './text-family.ts'

const text = defineTextFamily('gemma3_text', (raw) => {
  // `hidden_act` is inherited and unused.
  raw.oneOf('hidden_activation', ['gelu_pytorch_tanh'], 'gelu_pytorch_tanh')
  for (const cap of ['attn_logit_softcapping', 'final_logit_softcapping']) {
    if (raw.has(cap)) throw raw.mismatch(cap, 'null')
  }
  const sizes = readTextSizes(raw, { tied: true })
  const plain = plainDecoder(raw, sizes)
  const whole = { rope: readRope(raw, sizes.headDim) }
  const sliding = {
    rope: plainRope(raw.number('rope_local_base_freq', 10000), sizes.headDim),
    window: raw.size('sliding_window', 4096),
  }
  const pattern = raw.size('sliding_window_pattern', 6)
  const bias = raw.boolean('attention_bias', false)
  return {
    ...plain,
    norm: { ...plain.norm, weightOffset: 1 },
    hasPostNorms: true,
    attention: {
      scale: raw.number('query_pre_attn_scalar', 256) ** -0.5,
      qkvBias: bias,
      outBias: bias,
      qkNorm: true,
      isFused: false,
      layers: Array.from({ length: sizes.layers }, (_, i) =>
        (i + 1) % pattern === 0 ? whole : sliding,
      ),
    },
    mlp: { ...plain.mlp, activation: 'gelu_tanh' },
  }
})

export const family = {
  ...text,
  embeddingScale: (c: { hiddenSize: number }) => Math.sqrt(c.hiddenSize),
}
