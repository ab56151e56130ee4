/**
 * What the native runtime runs: a straight line of instructions over numbered values, as JSON. `kernels/cpu` reads it and
 * checks all of it again; the words here are the contract between the two.
 */
import type {
  CausalConvAttributes,
  KvAttentionAttributes,
  NormAttributes,
  RecurrentAttributes,
  RopeAttributes,
} from '../ops.ts'
import type { Shape } from '../shape.ts'

/** f32 and i32 elements, or `q8`: the rows of an f32 value in 8 bits, with a scale for each `group` of neighbours in a row. */
export type ProgramType = 'f32' | 'i32' | 'q8'

export interface ProgramValue {
  /** Of numbers and of products of named dimensions, as in the graph. */
  readonly shape: Shape
  readonly type: ProgramType
  /** Of a q8 value: divides the last axis; 0 is the whole of it. */
  readonly group?: number
  /**
   * Which buffer holds it; values of one slot are never needed at the same time. −1: memory that the run brings (an input, an
   * output that no instruction reads), or a weight.
   */
  readonly slot: number
  /** Number of the value whose memory this one is, in another shape of as many elements; no instruction makes it. */
  readonly sameAs?: number
}

/** A value's number. */
export type Place = number

export type Activation = 'silu' | 'relu' | 'relu2' | 'gelu_erf' | 'gelu_tanh' | 'gelu_quick'

/**
 * Instructions and their attributes; what `in` holds is listed as `name [shape]`. No instruction's result shares memory with
 * what it reads. Rows are all axes but the last one.
 */
export interface InstructionAttributes<P = Place> {
  /** x f32 [rows, n] → q8 [rows, n] */
  quantise: None
  /**
   * x f32, or q8 of the weight's group, [rows, in] → [rows, out]: activation(x · Wᵀ + bias) · multiply + residual, of which
   * each may be absent
   */
  linear: {
    /** Number of a packed block among the program's weights. */
    readonly linear: number
    /** [out] */
    readonly bias?: P
    readonly activation?: Activation
    /** [rows, out] */
    readonly multiply?: P
    /** [rows, out] */
    readonly residual?: P
    /** Its number among `adaptableLinears`, where a run's adapters may add to x · Wᵀ; x is then [name, in]. */
    readonly adapter?: number
    /** x as it was before it was q8, which adapters take: f32 [rows, in] */
    readonly floats?: P
  }
  /** x [rows, n], weight [n], bias [n] */
  layerNorm: NormAttributes
  /** x [rows, n], weight [n] */
  rmsNorm: NormAttributes
  /** x [rows, heads·headDim], positions i32 [rows] */
  rope: RopeAttributes
  /** x [batch, tokens, heads·headDim], cos, sin [tokens, headDim] */
  ropeTable: { readonly heads: number }
  /** q [batch, queries, heads·headDim], k, v [batch, tokens, heads·headDim] */
  attention: { readonly heads: number; readonly scale: number }
  /**
   * q [queries, heads·headDim], k, v [tokens, kvHeads·headDim], and, where not every token asks, the token of each query
   * i32 [queries]. Where a token stands in its sequence is in the run's rows. Always done, for what it leaves in the cache:
   * also when nothing reads its result, and when there is no query.
   */
  kvAttention: KvAttentionAttributes & {
    /** [heads] */
    readonly sinks?: P
  }
  /**
   * x [tokens, channels], weight [kernel, channels], bias? [channels]. As kvAttention it goes by the run's rows, and is always done
   * for the state that it leaves.
   */
  causalConv1d: CausalConvAttributes
  /** x, dt [tokens, channels], a [state, channels], b, c [tokens, state], d [channels], z? [tokens, channels]; as causalConv1d */
  selectiveScan: RecurrentAttributes
  /** x, any shape */
  unary: { readonly kind: Activation }
  /** a, b: of one shape, or the one's elements repeat along leading axes of the other. */
  binary: { readonly kind: 'add' | 'sub' | 'mul' | 'div' }
  /** x [rows, n]: softmax of each row */
  softmax: None
  /** table [n, …rest] of any type but q8, indices i32 [m] → [m, …rest]; an index outside the table fails the run */
  gatherRows: None
  /** xs → joined along `axis` */
  concat: { readonly axis: number }
  /** x → x[start … end) along `axis` */
  slice: { readonly axis: number; readonly start: number; readonly end: number }
  /** x → `count` zeros more at the end of `axis` */
  padEnd: { readonly axis: number; readonly count: number }
  /** x → axes in the order `permutation` */
  transpose: { readonly permutation: readonly number[] }
  /** x [1, …rest] → [n, …rest], the output's: x again n times */
  expand: None
  /** x → the same elements, in the output's shape */
  copy: None
  /** x [n, c, h, w] → [n, ⌊h/height⌋, ⌊w/width⌋, c·height·width]: what a convolution reads whose stride is its kernel */
  unfold: { readonly height: number; readonly width: number }
  /**
   * x [n, h, w, c], weight [kh, kw, c], bias? [c] → [n, h + 2·padding − kh + 1, w + 2·padding − kw + 1, c]: every channel by
   * itself, with zeros around x
   */
  depthwiseConv2d: { readonly padding: number }
}

type None = Record<never, never>

export type InstructionName = keyof InstructionAttributes

export type InstructionOf<Op extends InstructionName, P = Place> = {
  readonly op: Op
  readonly in: readonly P[]
  readonly out: P
} & InstructionAttributes<P>[Op]

/** One instruction, discriminated by `op`; `P` is what stands for a value. */
export type Instruction<P = Place> = {
  [Op in InstructionName]: InstructionOf<Op, P>
}[InstructionName]

export interface NamedPlace {
  readonly name: string
  readonly value: Place
}

/** `tensor`: the values of `value`. `linear`: a packed block, which linears name by its number in the list. */
export type ProgramWeight =
  | { readonly name: string; readonly kind: 'tensor'; readonly value: Place }
  | { readonly name: string; readonly kind: 'linear' }

export interface Program {
  readonly name: string
  readonly values: readonly ProgramValue[]
  readonly inputs: readonly NamedPlace[]
  /** One that a run does not ask for is made only as far as others need it. */
  readonly outputs: readonly NamedPlace[]
  readonly weights: readonly ProgramWeight[]
  readonly slots: number
  readonly code: readonly Instruction[]
}
