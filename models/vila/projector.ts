/** VILA's projectors, by their published names (`multimodal_projector/base_projector.py`). */
import { dense, layerNorm, widthOf } from '../blocks/dense.ts'
import { type DownsampleOrder, joinSquares } from '../blocks/downsample.ts'
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'

/** PyTorch's default, not the tower's. */
const EPSILON = 1e-5

export type VilaProjector =
  | { readonly form: 'linear' }
  /** Linear, then `depth − 1` times GELU and Linear. */
  | { readonly form: 'mlp'; readonly depth: number }
  /** Squares of side² neighbouring tokens are joined, then narrowed step by step. */
  | {
      readonly form: 'joining'
      readonly side: number
      readonly order: DownsampleOrder
      /** Widths that are passed on the way to the decoder's, of the towers' width. */
      narrowing(width: number): number[]
    }

const joining = (
  side: number,
  narrowing: (width: number) => number[] = () => [],
): VilaProjector => ({
  form: 'joining',
  side,
  order: 'rows',
  narrowing,
})

/** From NVILA on. Halves of the published code's integer divisions are rounded down. */
const JOINING: Readonly<Record<string, VilaProjector>> = {
  mlp_downsample: joining(2),
  mlp_downsample_2x2_fix: joining(2),
  mlp_downsample_3x3_fix: joining(3, (c) => [c * 3]),
  mlp_downsample_3x3_s2: joining(3, (c) => [c * 3, c, Math.floor(c / 3)]),
  mlp_downsample_3x3_s2_new: joining(3, (c) => [c * 4, c * 2, c, Math.floor(c / 3)]),
}

const MLP = /^mlp([1-9]\d?)x_gelu$/

/**
 * Reads `mm_projector_type`. The code of VILA-1.5 knew one joining projector, and its tokens go down the columns; the same
 * name later gives the same tokens by rows.
 */
export function readProjector(raw: ConfigReader, generation: 'vila15' | 'nvila'): VilaProjector {
  const key = 'mm_projector_type'
  const name = raw.string(key)
  if (name === 'linear') return { form: 'linear' }
  const depth = MLP.exec(name)?.[1]
  if (depth !== undefined) return { form: 'mlp', depth: Number(depth) }
  const known = generation === 'vila15' ? ['mlp_downsample'] : Object.keys(JOINING)
  if (!known.includes(name))
    throw raw.mismatch(key, [...known, 'linear', 'mlp2x_gelu'].map((n) => `"${n}"`).join(' or '))
  const projector = JOINING[name]!
  return generation === 'vila15' ? ({ ...projector, order: 'columns' } as VilaProjector) : projector
}

/** Tokens that a square grid of `grid`² patches becomes. */
export function projectedTokens(projector: VilaProjector, grid: number): number {
  return (projector.form === 'joining' ? Math.ceil(grid / projector.side) : grid) ** 2
}

/** Tokens [tiles, grid², c] → features [tiles, {@link projectedTokens}, width]; stage `downsampled` where squares are joined. */
export function project(
  g: GraphBuilder,
  tokens: Value,
  projector: VilaProjector,
  width: number,
): Value {
  const layers = 'mm_projector.layers'
  if (projector.form === 'linear') return dense(g, tokens, layers, width)
  if (projector.form === 'mlp') {
    let x = dense(g, tokens, `${layers}.0`, width)
    for (let i = 1; i < projector.depth; i++)
      x = dense(g, g.gelu(x, 'erf'), `${layers}.${2 * i}`, width)
    return x
  }
  const { side, order, narrowing } = projector
  let x = g.stage('downsampled', joinSquares(g, tokens, side, order))
  const widths = [...narrowing(widthOf(tokens)), width]
  widths.forEach((out, i) => {
    const normed = layerNorm(g, x, `${layers}.${3 * i + 1}`, EPSILON)
    x = g.gelu(dense(g, normed, `${layers}.${3 * i + 2}`, out), 'erf')
  })
  return dense(g, x, `${layers}.${3 * widths.length + 1}`, width)
}
