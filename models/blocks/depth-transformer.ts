/**
 * The small transformer that says, for one place of a picture, the logits of its codes one after the other (arXiv
 * 2203.01941). Reference code: mit-han-lab/vila-u, `rqtransformer/modeling_rqtransformer.py`, `rqtransformer/attention.py`.
 */
import { GraphBuilder } from '../graph/builder.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { dense, layerNorm } from './dense.ts'
import { embedCodes, type QuantiserConfig } from './residual-quantiser.ts'

export interface DepthTransformerConfig {
  readonly width: number
  readonly layers: number
  readonly heads: number
  /** Width of the decoder's hidden state. */
  readonly bodyWidth: number
  readonly quantiser: QuantiserConfig
  /** Prefixes of the two parts' tensors. */
  readonly names: { readonly transformer: string; readonly quantiser: string }
}

const EPS = 1e-5
const MLP_RATIO = 4

/**
 * Inputs: `body` [rows, bodyWidth] and `codes` [rows, depth − 1], those already known; what stands for later ones does not
 * matter to earlier logits. Output: `logits` [rows, depth, codes]. Stages: `depth.blockN`.
 */
export function depthTransformer(c: DepthTransformerConfig): Graph {
  const g = new GraphBuilder('depthTransformer')
  const { width, names, quantiser } = c
  const { depth } = quantiser
  const body = g.input('body', ['rows', c.bodyWidth])
  const codes = g.input('codes', ['rows', depth - 1], 'int32')
  const known = embedCodes(g, codes, names.quantiser, quantiser)
  const inputs = [
    dense(g, body, `${names.transformer}.in_mlp_2`, width),
    ...known.map((sum) => dense(g, sum, `${names.transformer}.in_mlp_1`, width)),
  ].map((input) => g.reshape(input, ['rows', 1, width]))
  const positions = g.weight(`${names.transformer}.pos_emb_d`, [1, depth, width])
  let x = g.add(g.concat(inputs, 1), positions)
  for (let i = 0; i < c.layers; i++)
    x = g.stage(
      `depth.block${i}`,
      block(g, x, `${names.transformer}.head_transformer.blocks.${i}`, c),
    )
  const classifier = `${names.transformer}.classifier_mlp`
  const ready = layerNorm(g, x, `${classifier}.layer_norm`, EPS)
  g.output('logits', dense(g, ready, `${classifier}.linear`, quantiser.codes))
  return g.build()
}

function block(g: GraphBuilder, x: Value, prefix: string, c: DepthTransformerConfig): Value {
  x = g.add(x, attention(g, layerNorm(g, x, `${prefix}.ln1`, EPS), `${prefix}.attn`, c))
  const ready = layerNorm(g, x, `${prefix}.ln2`, EPS)
  const hidden = g.gelu(dense(g, ready, `${prefix}.mlp.0`, MLP_RATIO * c.width), 'erf')
  return g.add(x, dense(g, hidden, `${prefix}.mlp.2`, c.width))
}

/** Depth by depth, because there are few: each sees itself and those before it. */
function attention(g: GraphBuilder, x: Value, prefix: string, c: DepthTransformerConfig): Value {
  const [q, k, v] = ['query', 'key', 'value'].map((name) =>
    dense(g, x, `${prefix}.${name}`, c.width),
  ) as [Value, Value, Value]
  const attended = Array.from({ length: c.quantiser.depth }, (_, depth) => {
    const seen = (value: Value) => g.slice(value, 1, 0, depth + 1)
    return g.attention(g.slice(q, 1, depth, depth + 1), seen(k), seen(v), c.heads)
  })
  return dense(g, g.concat(attended, 1), `${prefix}.proj`, c.width)
}
