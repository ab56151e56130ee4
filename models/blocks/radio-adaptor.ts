/** RADIO's adaptors, which speak a teacher's language: `radio/adaptor_mlp.py`, `adaptor_attn.py`, `adaptor_generic.py`. */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import type { Grid } from './cropped-positions.ts'
import { dense, layerNorm } from './dense.ts'
import { timmBlock } from './timm-vit.ts'

export interface HeadConfig {
  readonly kind: 'v1' | 'v2' | 'attn'
  readonly inputSize: number
  readonly hiddenSize: number
  /** Of the last layer: with an upsampling of u, u² pixels of one u²-th of it. */
  readonly outputSize: number
  readonly innerLayers: number
  /** Pixels on a side that a patch becomes. */
  readonly upsampling: number
}

export interface AdaptorConfig {
  readonly name: string
  /** Which of the leading tokens it reads. */
  readonly token: number
  readonly summary: HeadConfig
  readonly features: HeadConfig
}

/** PyTorch's default. */
const EPS = 1e-5
const ATTENTION = { blocks: 2, heads: 16, mlpRatio: 4, layerNormEps: 1e-6 }

/** x [tiles, tokens, in] or [tiles, in] → the same with `outputSize` at its end, or, upsampled, [tiles, u²·tokens, out/u²]. */
export function adaptorHead(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  c: HeadConfig,
  grid: Grid,
): Value {
  if (c.kind === 'v1') return mlp1(g, x, prefix, c)
  if (c.kind === 'v2') return upsample(g, mlp2(g, x, prefix, c, c.innerLayers), c.upsampling, grid)
  for (let i = 0; i < ATTENTION.blocks; i++) {
    x = timmBlock(g, x, `${prefix}.blocks.${i}`, {
      hiddenSize: c.inputSize,
      heads: ATTENTION.heads,
      intermediateSize: ATTENTION.mlpRatio * c.inputSize,
      layerNormEps: ATTENTION.layerNormEps,
      qkvBias: false,
      layerScale: 'gamma',
      hasMlpNorm: false,
    })
  }
  return mlp2(g, x, `${prefix}.mlp`, c, 0)
}

/** Linear, then norm and ReLU before every further one. */
function mlp1(g: GraphBuilder, x: Value, prefix: string, c: HeadConfig): Value {
  const normed = layerNorm(g, dense(g, x, `${prefix}.fc1`, c.hiddenSize), `${prefix}.norm`, EPS)
  let hidden = g.relu(normed)
  for (let i = 0; i < c.innerLayers; i++) {
    const inner = dense(g, hidden, `${prefix}.inner.${3 * i}`, c.hiddenSize)
    hidden = g.relu(layerNorm(g, inner, `${prefix}.inner.${3 * i + 1}`, EPS))
  }
  return dense(g, hidden, `${prefix}.fc2`, c.outputSize)
}

/** Linear, residual layers, and a last one; norm and GELU before each but the first. */
function mlp2(g: GraphBuilder, x: Value, prefix: string, c: HeadConfig, inner: number): Value {
  const layer = (value: Value, name: string, out: number) => {
    const ready = g.gelu(layerNorm(g, value, `${name}.0`, EPS), 'erf')
    return dense(g, ready, `${name}.2`, out)
  }
  let hidden = dense(g, x, `${prefix}.fc1`, c.hiddenSize)
  for (let i = 0; i < inner; i++)
    hidden = g.add(hidden, layer(hidden, `${prefix}.blocks.${i}`, c.hiddenSize))
  return layer(hidden, `${prefix}.final`, c.outputSize)
}

/** [tiles, rows·columns, u·u·c] → [tiles, (rows·u)·(columns·u), c], row-major. */
function upsample(g: GraphBuilder, x: Value, u: number, { rows, columns }: Grid): Value {
  if (u === 1) return x
  const [tiles, , width] = x.shape as [Value['shape'][0], number, number]
  const channels = width / (u * u)
  const apart = g.reshape(x, [tiles!, rows, columns, u, u, channels])
  const pixels = g.transpose(apart, [0, 1, 3, 2, 4, 5])
  return g.reshape(pixels, [tiles!, rows * u * columns * u, channels])
}
