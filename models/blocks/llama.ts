/** The Llama decoder (Touvron et al., 2023) in the hub's spelling. */
import type { ConfigReader } from '../config-reader.ts'
import { GraphBuilder } from '../graph/builder.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { dense, rmsNorm } from './dense.ts'
import { readRopeFrequencies } from './rope.ts'

export interface LlamaConfig {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly rmsNormEps: number
  /** One a rotated pair of a head's channels. */
  readonly ropeFrequencies: readonly number[]
  readonly maxPositions: number
  readonly tieWordEmbeddings: boolean
}

/** Name of the token embedding [vocab, hidden], which a tied head reuses. */
export const LLAMA_EMBEDDING = 'model.embed_tokens.weight'

/** Reads the hub's `LlamaConfig` fields; throws on a combination that cannot be built. */
export function readLlamaConfig(raw: ConfigReader): LlamaConfig {
  const hiddenSize = raw.size('hidden_size')
  const heads = raw.size('num_attention_heads')
  const kvHeads = raw.size('num_key_value_heads', heads)
  if (heads % kvHeads !== 0)
    throw raw.mismatch('num_key_value_heads', `a divisor of ${heads} attention heads`)
  const headDim = raw.size('head_dim', Math.floor(hiddenSize / heads))
  if (headDim % 2 !== 0) throw raw.mismatch('head_dim', 'an even number')
  raw.oneOf('hidden_act', ['silu'], 'silu')
  for (const bias of ['attention_bias', 'mlp_bias']) {
    if (raw.boolean(bias, false)) throw raw.mismatch(bias, 'false')
  }
  return {
    vocabSize: raw.size('vocab_size'),
    hiddenSize,
    intermediateSize: raw.size('intermediate_size'),
    layers: raw.repeats('num_hidden_layers'),
    heads,
    kvHeads,
    headDim,
    rmsNormEps: raw.number('rms_norm_eps', 1e-6),
    ropeFrequencies: readRopeFrequencies(raw, headDim),
    maxPositions: raw.size('max_position_embeddings', 2048),
    tieWordEmbeddings: raw.boolean('tie_word_embeddings', false),
  }
}

/**
 * The decoder as a graph. Inputs: `embeddings` [batch, steps, hidden], `positions` [batch, steps],
 * and `wanted` [batch, wanted], the steps of each row whose results are asked for. Outputs:
 * `hidden` [batch, wanted, hidden] after the final norm and `logits` [batch, wanted, vocab].
 */
export function llamaDecoder(c: LlamaConfig): Graph {
  const g = new GraphBuilder('decoder')
  const embeddings = g.input('embeddings', ['batch', 'steps', c.hiddenSize])
  const positions = g.input('positions', ['batch', 'steps'], 'int32')
  const wanted = g.input('wanted', ['batch', 'wanted'], 'int32')

  let x = embeddings
  for (let layer = 0; layer < c.layers; layer++) {
    // Of the last layer, nobody reads the other steps: they only leave keys and values.
    const isLast = layer === c.layers - 1
    x = g.stage(
      `layers.${layer}`,
      llamaLayer(g, x, layer, { positions, wanted: isLast ? wanted : undefined }, c),
    )
  }
  const hidden = rmsNorm(g, x, 'model.norm', c.rmsNormEps)
  const head = c.tieWordEmbeddings ? LLAMA_EMBEDDING : 'lm_head.weight'
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
function llamaLayer(
  g: GraphBuilder,
  x: Value,
  layer: number,
  { positions, wanted }: Steps,
  c: LlamaConfig,
): Value {
  const prefix = `model.layers.${layer}`
  const linear = (input: Value, name: string, out: number) =>
    dense(g, input, `${prefix}.${name}`, out, { bias: false })
  const goOn = (value: Value) => (wanted ? g.gather(value, wanted, { batchDims: 1 }) : value)
  const rotate = (value: Value, at: Value, heads: number) =>
    g.rope(value, at, {
      heads,
      headDim: c.headDim,
      inverseFrequencies: c.ropeFrequencies,
      style: 'half',
    })

  const normed = rmsNorm(g, x, `${prefix}.input_layernorm`, c.rmsNormEps)
  const queryPositions = goOn(positions)
  const q = linear(goOn(normed), 'self_attn.q_proj', c.heads * c.headDim)
  const k = linear(normed, 'self_attn.k_proj', c.kvHeads * c.headDim)
  const v = linear(normed, 'self_attn.v_proj', c.kvHeads * c.headDim)
  const attended = g.kvAttention(
    rotate(q, queryPositions, c.heads),
    rotate(k, positions, c.kvHeads),
    v,
    queryPositions,
    { layer, heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, scale: c.headDim ** -0.5 },
  )
  x = g.add(goOn(x), linear(attended, 'self_attn.o_proj', c.hiddenSize))

  const ready = rmsNorm(g, x, `${prefix}.post_attention_layernorm`, c.rmsNormEps)
  const gate = g.silu(linear(ready, 'mlp.gate_proj', c.intermediateSize))
  const gated = g.mul(gate, linear(ready, 'mlp.up_proj', c.intermediateSize))
  return g.add(x, linear(gated, 'mlp.down_proj', c.hiddenSize))
}
