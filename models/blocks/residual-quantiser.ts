/**
 * Residual quantisation (arXiv 2203.01941): a vector becomes a few codes, each the nearest row of a codebook to what the
 * ones before left over. Reference code: mit-han-lab/vila-u, `rqvaesiglip/quantizations.py`.
 */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'

export interface QuantiserConfig {
  /** Rows of a codebook. The stored one has another behind them, which pads and is no code. */
  readonly codes: number
  /** Codes that a vector becomes. */
  readonly depth: number
  readonly width: number
  /** One codebook for all depths, of which a checkpoint holds a copy for each. */
  readonly isShared: boolean
}

export interface Quantised {
  /** int32 [tiles, tokens, depth] */
  readonly codes: Value
  /** [tiles, tokens, width], the sum of the codes' rows. */
  readonly sum: Value
}

/**
 * x [tiles, tokens, width]. Stages: `quant.residual0` and on, what each code has to say, and `quant.distances0` and on,
 * its squared distance to every row.
 */
export function quantise(g: GraphBuilder, x: Value, prefix: string, c: QuantiserConfig): Quantised {
  const [tiles, tokens] = x.shape
  const codes: Value[] = []
  let residual = x
  let sum: Value | undefined
  for (let depth = 0; depth < c.depth; depth++) {
    const book = codebook(g, prefix, depth, c)
    g.stage(`quant.residual${depth}`, residual)
    const distances = g.stage(`quant.distances${depth}`, g.squaredDistances(residual, book))
    const code = g.argmin(distances)
    const row = g.gather(book, code)
    residual = g.sub(residual, row)
    sum = sum ? g.add(sum, row) : row
    codes.push(g.reshape(code, [tiles!, tokens!, 1]))
  }
  return { codes: g.concat(codes, 2), sum: sum! }
}

/** codes [...places, depth] → their rows summed up to each depth: one [...places, width] a depth. */
export function embedCodes(
  g: GraphBuilder,
  codes: Value,
  prefix: string,
  c: QuantiserConfig,
): Value[] {
  const places = codes.shape.slice(0, -1)
  const given = codes.shape[places.length] as number
  const sums: Value[] = []
  for (let depth = 0; depth < given; depth++) {
    const code = g.reshape(g.slice(codes, places.length, depth, depth + 1), places)
    const row = g.gather(codebook(g, prefix, depth, c), code)
    sums.push(depth === 0 ? row : g.add(sums[depth - 1]!, row))
  }
  return sums
}

/** [codes, width] */
function codebook(g: GraphBuilder, prefix: string, depth: number, c: QuantiserConfig): Value {
  const stored = g.weight(`${prefix}.codebooks.${c.isShared ? 0 : depth}.weight`, [
    c.codes + 1,
    c.width,
  ])
  return g.slice(stored, 0, 0, c.codes)
}
