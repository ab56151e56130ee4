/** What a text decoder is made of, and the fields of the hub's configs that most of them share. */
import type { ConfigReader } from '../config-reader.ts'
import type { NormAttributes } from '../graph/ops.ts'
import { type Rope, readRope } from './rope.ts'

export interface TextSizes {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  /** Width of a head; heads · headDim need not be the hidden size. */
  readonly headDim: number
  readonly maxPositions: number
  readonly tieWordEmbeddings: boolean
}

export interface NormConfig extends NormAttributes {
  readonly kind: 'rms' | 'layer'
}

/** Attention of one layer. */
export interface AttentionLayer {
  readonly rope: Rope
  /** As in `KvAttentionAttributes`. */
  readonly window?: number
}

export interface AttentionConfig {
  /** Of scores; headDim^−½ but for Gemma. */
  readonly scale: number
  readonly qkvBias: boolean
  readonly outBias: boolean
  /** Queries and keys are normed head by head before they are rotated. */
  readonly qkNorm: boolean
  /** One matrix of the rows of q, k and v. */
  readonly isFused: boolean
  /** One a layer of the decoder. */
  readonly layers: readonly AttentionLayer[]
}

export interface MlpConfig {
  /** gated: down(act(gate x) · up x); plain: down(act(up x)) */
  readonly form: 'gated' | 'plain'
  /** relu2 is relu squared. */
  readonly activation: 'silu' | 'gelu_tanh' | 'relu2'
  readonly bias: boolean
  /** One matrix of the rows of gate and up. */
  readonly isFused: boolean
}

export interface TextDecoderConfig extends TextSizes {
  readonly norm: NormConfig
  /** Norms also behind attention and MLP, before the residual is added. */
  readonly hasPostNorms: boolean
  readonly attention: AttentionConfig
  readonly mlp: MlpConfig
}

/** The sizes in the hub's spelling; throws on a combination that cannot be built. */
export function readTextSizes(
  raw: ConfigReader,
  { tied = false }: { readonly tied?: boolean } = {},
): TextSizes {
  const hiddenSize = raw.size('hidden_size')
  const heads = raw.size('num_attention_heads')
  const kvHeads = raw.size('num_key_value_heads', heads)
  if (heads % kvHeads !== 0)
    throw raw.mismatch('num_key_value_heads', `a divisor of ${heads} attention heads`)
  const headDim = raw.size('head_dim', Math.floor(hiddenSize / heads))
  if (headDim % 2 !== 0) throw raw.mismatch('head_dim', 'an even number')
  return {
    vocabSize: raw.size('vocab_size'),
    hiddenSize,
    intermediateSize: raw.size('intermediate_size'),
    layers: raw.repeats('num_hidden_layers'),
    heads,
    kvHeads,
    headDim,
    maxPositions: raw.size('max_position_embeddings', 2048),
    tieWordEmbeddings: raw.boolean('tie_word_embeddings', tied),
  }
}

/**
 * Llama's choices, which the others change one by one: RMS norms before each part, gated SiLU, every layer alike. Sequences are
 * no longer than the angles of `rope` hold for.
 */
export function plainDecoder(
  raw: ConfigReader,
  sizes: TextSizes,
  rope: Rope = readRope(raw, sizes.headDim),
): TextDecoderConfig {
  return {
    ...sizes,
    maxPositions: Math.min(sizes.maxPositions, rope.longestSequence ?? Number.POSITIVE_INFINITY),
    norm: { kind: 'rms', epsilon: raw.number('rms_norm_eps', 1e-6), weightOffset: 0 },
    hasPostNorms: false,
    attention: {
      scale: sizes.headDim ** -0.5,
      qkvBias: false,
      outBias: false,
      qkNorm: false,
      isFused: false,
      layers: everyLayer(sizes.layers, { rope }),
    },
    mlp: { form: 'gated', activation: 'silu', bias: false, isFused: false },
  }
}

export function everyLayer(count: number, layer: AttentionLayer): AttentionLayer[] {
  return new Array<AttentionLayer>(count).fill(layer)
}
