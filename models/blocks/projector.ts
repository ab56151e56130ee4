/** Projectors: from the towers' channels to the decoder's width. */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { dense } from './dense.ts'

/** LLaVA's `mlp2x_gelu`: Linear, exact GELU, Linear: x [..., c] → [..., width]. */
export function mlp2xGelu(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  hidden: number,
  width: number,
): Value {
  return dense(g, g.gelu(dense(g, x, `${prefix}.0`, hidden), 'erf'), `${prefix}.2`, width)
}
