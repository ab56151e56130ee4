/** What a user may ask of a quantisation. */

/**
 * `int4` keeps the decoder's embedding, head and most delicate layers in 8 bits; `int4-pure` has 4 in everything that a step
 * multiplies with.
 */
export const METHODS = ['int8', 'int4', 'int4-pure'] as const
export type Method = (typeof METHODS)[number]
/** Elements of a row that may share a scale. */
export const GROUPS = [32, 128] as const
export type Group = (typeof GROUPS)[number]
/**
 * `nearest`: each weight by itself. `gptq`: what rounding a weight changes is made good by the weights behind it in its row, as
 * far as what the layer reads allows (Frantar et al., https://arxiv.org/abs/2210.17323).
 */
export const ROUNDINGS = ['nearest', 'gptq'] as const
export type Rounding = (typeof ROUNDINGS)[number]

export interface QuantiseOptions {
  readonly method: Method
  readonly group: Group
  /** Of the decoder's groups, `nearest` when absent; all else is rounded to the nearest. */
  readonly rounding?: Rounding
}
