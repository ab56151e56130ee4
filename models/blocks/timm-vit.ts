/** Blocks of a vision transformer in timm's spelling: one matrix for q, k and v (`timm/models/vision_transformer.py`). */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { dense, denseRows, layerNorm } from './dense.ts'

export interface TimmBlockConfig {
  readonly hiddenSize: number
  readonly heads: number
  readonly intermediateSize: number
  readonly layerNormEps: number
  readonly qkvBias: boolean
  /** Name of the weight that scales each channel before a residual is added; undefined: there is none. */
  readonly layerScale: 'gamma' | 'grandma' | undefined
  /** A norm between the two layers of the MLP. */
  readonly hasMlpNorm: boolean
}

/** PyTorch's default, which timm's norm inside the MLP has, whatever the others have. */
const MLP_NORM_EPS = 1e-5

/** x [batch, tokens, width] → same shape. `stage` names what attention gives before it is scaled and added. */
export function timmBlock(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  c: TimmBlockConfig,
  { stage }: { readonly stage?: string } = {},
): Value {
  const attended = attention(g, layerNorm(g, x, `${prefix}.norm1`, c.layerNormEps), prefix, c)
  const seen = stage === undefined ? attended : g.stage(stage, attended)
  x = g.add(x, scale(g, seen, `${prefix}.ls1`, c))
  const ready = layerNorm(g, x, `${prefix}.norm2`, c.layerNormEps)
  return g.add(x, scale(g, mlp(g, ready, `${prefix}.mlp`, c), `${prefix}.ls2`, c))
}

function attention(g: GraphBuilder, x: Value, prefix: string, c: TimmBlockConfig): Value {
  const { hiddenSize: width, heads, qkvBias: bias } = c
  const [q, k, v] = [0, 1, 2].map((part) =>
    denseRows(g, x, `${prefix}.attn.qkv`, [width, width, width], part, { bias }),
  ) as [Value, Value, Value]
  return dense(g, g.attention(q, k, v, heads), `${prefix}.attn.proj`, width)
}

function mlp(g: GraphBuilder, x: Value, prefix: string, c: TimmBlockConfig): Value {
  const hidden = g.gelu(dense(g, x, `${prefix}.fc1`, c.intermediateSize), 'erf')
  const ready = c.hasMlpNorm ? layerNorm(g, hidden, `${prefix}.norm`, MLP_NORM_EPS) : hidden
  return dense(g, ready, `${prefix}.fc2`, c.hiddenSize)
}

function scale(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  { layerScale, hiddenSize }: TimmBlockConfig,
): Value {
  return layerScale === undefined ? x : g.mul(x, g.weight(`${prefix}.${layerScale}`, [hiddenSize]))
}
