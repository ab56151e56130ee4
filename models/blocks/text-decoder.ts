/**
 * A decoder of text in the hub's spelling: Llama (Touvron et al., 2023) and what others changed of it.
 * Reference code: `modeling_*.py` of the families in transformers.
 */
import { GraphBuilder } from '../graph/builder.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { dense, denseRows, layerNorm, rmsNorm } from './dense.ts'
import type { AttentionLayer, TextDecoderConfig } from './text-config.ts'

/** Name of the token embedding [vocab, hidden], which a tied head reuses. */
export const TEXT_EMBEDDING = 'model.embed_tokens.weight'

/**
 * The decoder as a graph. Inputs: `embeddings` [batch, steps, hidden], `positions` [batch, steps],
 * and `wanted` [batch, wanted], the steps of each row whose results are asked for. Outputs:
 * `hidden` [batch, wanted, hidden] after the final norm and `logits` [batch, wanted, vocab].
 * Stages: `layers.N`, the residual behind a layer, and `layers.N.attention`, `layers.N.mlp`, what its
 * parts add before any norm of theirs.
 */
export function textDecoder(c: TextDecoderConfig): Graph {
  const g = new GraphBuilder('decoder')
  const embeddings = g.input('embeddings', ['batch', 'steps', c.hiddenSize])
  const positions = g.input('positions', ['batch', 'steps'], 'int32')
  const wanted = g.input('wanted', ['batch', 'wanted'], 'int32')

  let x = embeddings
  for (let layer = 0; layer < c.layers; layer++) {
    // Of the last layer, nobody reads the other steps: they only leave keys and values.
    const isLast = layer === c.layers - 1
    const steps = { positions, wanted: isLast ? wanted : undefined }
    x = g.stage(`layers.${layer}`, decoderLayer(g, x, layer, steps, c))
  }
  const hidden = norm(g, x, 'model.norm', c)
  const head = c.tieWordEmbeddings ? TEXT_EMBEDDING : 'lm_head.weight'
  g.output('hidden', hidden)
  g.output('logits', g.linear(hidden, g.weight(head, [c.vocabSize, c.hiddenSize])))
  return g.build()
}

interface Steps {
  readonly positions: Value
  /** The steps that go on from here; undefined: all. */
  readonly wanted: Value | undefined
}

/** x [batch, steps, hidden] → [batch, steps or wanted, hidden]. */
function decoderLayer(
  g: GraphBuilder,
  x: Value,
  layer: number,
  steps: Steps,
  c: TextDecoderConfig,
): Value {
  const prefix = `model.layers.${layer}`
  const normed = (value: Value, name: string) => norm(g, value, `${prefix}.${name}`, c)

  const attended = g.stage(
    `layers.${layer}.attention`,
    attention(g, normed(x, 'input_layernorm'), layer, steps, c),
  )
  const kept = goOn(g, x, steps)
  x = g.add(kept, c.hasPostNorms ? normed(attended, 'post_attention_layernorm') : attended)

  // Gemma has a norm of its own here, and calls the one behind attention by this one's name.
  const ready = normed(x, c.hasPostNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm')
  const added = g.stage(`layers.${layer}.mlp`, mlp(g, ready, `${prefix}.mlp`, c))
  return g.add(x, c.hasPostNorms ? normed(added, 'post_feedforward_layernorm') : added)
}

/** x [batch, steps, hidden] → [batch, steps or wanted, hidden]. */
function attention(
  g: GraphBuilder,
  x: Value,
  layer: number,
  steps: Steps,
  c: TextDecoderConfig,
): Value {
  const { heads, kvHeads, headDim } = c
  const { scale, qkvBias, outBias, qkNorm, isFused, layers } = c.attention
  const { rope, window } = layers[layer] as AttentionLayer
  const prefix = `model.layers.${layer}.self_attn`
  const queried = goOn(g, x, steps)
  const widths = [heads * headDim, kvHeads * headDim, kvHeads * headDim] as const
  const project = (part: 0 | 1 | 2) => {
    if (!isFused) {
      const name = `${prefix}.${(['q_proj', 'k_proj', 'v_proj'] as const)[part]}`
      return dense(g, part === 0 ? queried : x, name, widths[part], { bias: qkvBias })
    }
    return denseRows(g, part === 0 ? queried : x, `${prefix}.qkv_proj`, widths, part)
  }
  const rotate = (value: Value, name: string, at: Value, count: number) => {
    const normed = qkNorm ? headNorm(g, value, `${prefix}.${name}`, count, c) : value
    return g.rope(normed, at, { heads: count, headDim, style: 'half', ...rope })
  }
  const queryPositions = goOn(g, steps.positions, steps)
  const attended = g.kvAttention(
    rotate(project(0), 'q_norm', queryPositions, heads),
    rotate(project(1), 'k_norm', steps.positions, kvHeads),
    project(2),
    queryPositions,
    { layer, heads, kvHeads, headDim, scale, ...(window === undefined ? {} : { window }) },
  )
  return dense(g, attended, `${prefix}.o_proj`, c.hiddenSize, { bias: outBias })
}

function mlp(g: GraphBuilder, x: Value, prefix: string, c: TextDecoderConfig): Value {
  const { form, activation, bias, isFused } = c.mlp
  const width = c.intermediateSize
  const project = (name: 'gate_proj' | 'up_proj') =>
    isFused
      ? denseRows(g, x, `${prefix}.gate_up_proj`, [width, width], name === 'gate_proj' ? 0 : 1)
      : dense(g, x, `${prefix}.${name}`, width, { bias })
  const activate = (value: Value) => {
    switch (activation) {
      case 'silu':
        return g.silu(value)
      case 'gelu_tanh':
        return g.gelu(value, 'tanh')
      case 'relu2': {
        const positive = g.relu(value)
        return g.mul(positive, positive)
      }
    }
  }
  const inner =
    form === 'gated'
      ? g.mul(activate(project('gate_proj')), project('up_proj'))
      : activate(project('up_proj'))
  return dense(g, inner, `${prefix}.down_proj`, c.hiddenSize, { bias })
}

/** x [batch, steps, heads·headDim], every head normed by itself with one weight [headDim]. */
function headNorm(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  heads: number,
  c: TextDecoderConfig,
): Value {
  const [batch, steps, width] = x.shape as [string, string, number]
  const apart = g.reshape(x, [batch, steps, heads, c.headDim])
  return g.reshape(norm(g, apart, prefix, c), [batch, steps, width])
}

function norm(g: GraphBuilder, x: Value, prefix: string, { norm }: TextDecoderConfig): Value {
  const { kind, epsilon, weightOffset } = norm
  return (kind === 'rms' ? rmsNorm : layerNorm)(g, x, prefix, epsilon, weightOffset)
}

function goOn(g: GraphBuilder, value: Value, { wanted }: Steps): Value {
  return wanted ? g.gather(value, wanted, { batchDims: 1 }) : value
}
