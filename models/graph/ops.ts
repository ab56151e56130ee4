/** The vocabulary of the graph language: every operation with its attributes. */

type None = Record<never, never>

/**
 * Operations and their attributes; inputs are listed as `name [shape]`, `?` marks an optional one.
 * A lowering is a table over these keys: a new operation does not compile until each has it.
 */
export interface OpAttributes {
  /** x [..., in], weight [out, in], bias? [out] → [..., out] */
  linear: None
  /** x [..., n], weight [n], bias [n] → x's shape; mean and variance over the last axis */
  layerNorm: NormAttributes
  /** x [..., n], weight [n] → x's shape */
  rmsNorm: NormAttributes
  /**
   * x [n, c, ...rest], weight [c], bias [c] → x's shape; mean and variance over each of `groups` runs of channels and
   * all of `rest`
   */
  groupNorm: { readonly groups: number; readonly epsilon: number }
  /** x [batch, steps, heads·headDim], positions [batch, steps] → x's shape */
  rope: RopeAttributes
  /**
   * x [batch, tokens, heads·headDim], cos, sin [tokens, headDim] → x's shape; neighbouring channels (a, b) of a head become
   * (a·cos − b·sin, b·cos + a·sin)
   */
  ropeTable: { readonly heads: number }
  /**
   * q [batch, queries, heads·headDim], k, v [batch, tokens, heads·headDim] → q's shape; every query sees every token, or
   * where it is `causal`, with as many queries as tokens, none behind its own
   */
  attention: AttentionAttributes
  /**
   * q, k, v [batch, height·width, heads·headDim], rows [2·height − 1, headDim], columns [2·width − 1, headDim] → q's shape;
   * attention among the cells of a map with decomposed relative positions (MViTv2, arXiv 2112.01526, and ViTDet): to the
   * score of a query at (y, x) and a key at (y', x') is added q · rows[y − y' + height − 1] + q · columns[x − x' + width − 1],
   * with q as it came, not scaled
   */
  relativeAttention: RelativeAttentionAttributes
  /**
   * q [batch, queries, heads·headDim], k, v [batch, steps, kvHeads·headDim], positions of the
   * queries [batch, queries], sinks? [heads] → q's shape
   */
  kvAttention: KvAttentionAttributes
  /**
   * x [batch, steps, channels], weight [kernel, channels], bias? [channels] → x's shape: y[t] = Σ weight[i] · x[t − kernel + 1 + i]
   * + bias, channel by channel; what was read before this run is the sequence's state, and before its start are zeros
   */
  causalConv1d: CausalConvAttributes
  /**
   * x, dt [batch, steps, channels], a [state, channels], b, c [batch, steps, state], d [channels], z? [batch, steps, channels] → x's
   * shape: the selective scan of Mamba (arXiv 2312.00752). With Δ = ln(1 + e^dt), for each channel
   * s ← e^(Δ · a) · s + Δ · x · b and y = s · c + d · x, then · silu(z); s is 0 at the start of a sequence
   */
  selectiveScan: RecurrentAttributes
  /** x → x · sigmoid(x) */
  silu: None
  /** x → e^x */
  exp: None
  /** x → max(x, 0) */
  relu: None
  /** `erf` is exact, `tanh` the approximation of that name, `quick` x · sigmoid(1.702 x) */
  gelu: { readonly form: 'erf' | 'tanh' | 'quick' }
  /** x [n, ...] → each of the n parts less its mean, over its standard deviation or `floor`, whichever is larger */
  standardize: { readonly floor: number }
  /** x [..., n] → softmax over the last axis */
  softmax: None
  /** x [n, c, h, w], weight [o, c/groups, kh, kw], bias? [o] → [n, o, h', w'] */
  conv2d: { readonly stride: number; readonly padding: number; readonly groups: number }
  /** x [n, c, h, w] → [n, c, h/size, w/size]: the mean of each size×size square */
  avgPool2d: { readonly size: number }
  /**
   * x [n, c, h, w] → [n, c, height, width]: bilinear, no antialias; `alignCorners` keeps the corner
   * pixels in place, without it pixels are squares (half-pixel centres), as PyTorch's
   */
  resizeBilinear: {
    readonly height: number
    readonly width: number
    readonly alignCorners: boolean
  }
  /** x [n, c, h, w] → [n, c, height, width]: bicubic between pixel centres, no antialias, as PyTorch's */
  resizeBicubic: { readonly height: number; readonly width: number }
  /** x [n, c, h, w] → [n, c, height, width]: bilinear between pixel centres, antialiased when it shrinks, as PyTorch's */
  resizeAntialias: { readonly height: number; readonly width: number }
  /** → these values in the output's shape, row-major */
  constant: { readonly values: readonly number[] }
  /** a + b, broadcast */
  add: None
  /** a − b, broadcast */
  sub: None
  /** a · b, broadcast */
  mul: None
  /** a / b, broadcast */
  div: None
  /** xs → joined along `axis` */
  concat: { readonly axis: number }
  /** x [1, ...rest], like [n, ...] → [n, ...rest]: x again for each of like's n */
  expand: None
  /** x → `count` zeros more at the end of `axis` */
  padEnd: { readonly axis: number; readonly count: number }
  /** x → x[start … end) along `axis` */
  slice: { readonly axis: number; readonly start: number; readonly end: number }
  /** x → same elements in the output's shape */
  reshape: None
  /** x → axes in the order `permutation` */
  transpose: { readonly permutation: readonly number[] }
  /**
   * table [n, ...rest], indices [...i] → [...i, ...rest]; with one batch dimension, both start with
   * it: table [batch, n, ...rest], indices [batch, ...i] → [batch, ...i, ...rest]
   */
  gather: { readonly batchDims: 0 | 1 }
  /** x [..., c], table [n, c] → [..., n]: squared Euclidean distance to every row of the table */
  squaredDistances: None
  /** x [..., n] → int32 [...]: place of the smallest of the last axis, the first of equal ones */
  argmin: None
}

export interface AttentionAttributes {
  readonly heads: number
  readonly scale: number
  readonly causal?: true
}

export interface RelativeAttentionAttributes {
  readonly heads: number
  /** Of the map, in cells. */
  readonly height: number
  readonly width: number
  readonly scale: number
}

export interface NormAttributes {
  readonly epsilon: number
  /** The checkpoint stores the weight less this; 1 in Gemma and Nemotron. */
  readonly weightOffset: 0 | 1
}

export interface RopeAttributes {
  readonly heads: number
  readonly headDim: number
  /** One a rotated pair; `2 · inverseFrequencies.length` leading channels of a head are rotated. */
  readonly inverseFrequencies: readonly number[]
  /** `half`: channel i pairs with i + n/2 (Llama on the hub); `interleaved`: 2i with 2i + 1. */
  readonly style: 'half' | 'interleaved'
  /** Of cosine and sine; above 1 where YaRN stretches the context. */
  readonly magnitude: number
}

/**
 * Attention over a layer's cache: this run's keys and values are appended, then a query at position
 * p sees the keys at positions ≤ p. Positions count from the start of the sequence.
 */
export interface KvAttentionAttributes {
  readonly layer: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly scale: number
  /** A query at p sees no key at or before p − window; absent: every earlier one. */
  readonly window?: number
  /** Scores s, scaled, become cap · tanh(s / cap), as in Gemma 2; absent: they stay. */
  readonly softCap?: number
  // A head's sink is one more score, of a key whose value is 0, as in gpt-oss; neither scaled nor capped.
}

/** Of an operation that carries a state from step to step of a sequence. */
export interface RecurrentAttributes {
  /** Which of the sequence's states: they are numbered 0, 1, … as their operations stand in the graph. */
  readonly recurrence: number
}

export interface CausalConvAttributes extends RecurrentAttributes {
  /** Of the result; absent: none. */
  readonly activation?: 'silu'
}

export type OpName = keyof OpAttributes
