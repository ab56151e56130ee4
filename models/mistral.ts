/** Mistral 7B: Llama with a sliding window on every layer (arXiv 2310.06825). */

import { readRope } from './blocks/rope.ts'
import { everyLayer, plainDecoder, readTextSizes } from './blocks/text-config.ts'
import { defineTextFamily } from './text-family.ts'

export const family = defineTextFamily('mistral', (raw) => {
  raw.oneOf('hidden_act', ['silu'], 'silu')
  const sizes = readTextSizes(raw)
  const plain = plainDecoder(raw, sizes)
  if (!raw.has('sliding_window')) return plain
  const window = raw.size('sliding_window')
  const layer = { rope: readRope(raw, sizes.headDim), window }
  return { ...plain, attention: { ...plain.attention, layers: everyLayer(sizes.layers, layer) } }
})
