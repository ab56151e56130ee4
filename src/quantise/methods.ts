/** What a user may ask of a quantisation. */

export const METHODS = ['int8', 'int4'] as const
export type Method = (typeof METHODS)[number]
/** Elements of a row that may share a scale. */
export const GROUPS = [32, 128] as const
export type Group = (typeof GROUPS)[number]

export interface QuantiseOptions {
  readonly method: Method
  readonly group: Group
}
