/**
 * Codes → picture by convolutions (VQGAN's decoder, arXiv 2012.09841). Reference code: mit-han-lab/vila-u,
 * `rqvaesiglip/modules.py` and `decode` of `rqvaesiglip/modeling_rqvaesiglip.py`.
 */
import { GraphBuilder } from '../graph/builder.ts'
import type { Graph, Value } from '../graph/graph.ts'
import type { Dim } from '../graph/shape.ts'
import { channelsFirst, channelsLast } from './dense.ts'
import { gridToTokens } from './fuse.ts'
import { embedCodes, type QuantiserConfig } from './residual-quantiser.ts'

export interface PixelDecoderConfig {
  /** Rows and columns of the codes. */
  readonly grid: readonly [rows: number, columns: number]
  /** Rows and columns that the sum of their vectors is resized to; undefined: it is not. */
  readonly latentGrid: readonly [rows: number, columns: number] | undefined
  readonly latentWidth: number
  readonly width: number
  /** Of `width`, from the finest level to the coarsest, which comes first. */
  readonly multiples: readonly number[]
  /** Residual blocks a level, less one. */
  readonly blocks: number
  /** Sides of a map that its blocks are followed by attention at, counted from `resolution`, whatever the real side. */
  readonly attentionSides: readonly number[]
  readonly resolution: number
  readonly quantiser: QuantiserConfig
  /** Prefix of the decoder and of the quantiser. */
  readonly prefix: string
}

const NORM = { groups: 32, epsilon: 1e-6 }

/**
 * Input: `codes` [pictures, rows, columns, depth]. Output: `pixels` [pictures, 3, H, W], colours −1…1, a little beyond at
 * times. Stages are named `decoder.` and the module, `latent` what the codes stand for.
 */
export function pixelDecoder(c: PixelDecoderConfig): Graph {
  const g = new GraphBuilder('pixelDecoder')
  const codes = g.input('codes', ['pictures', ...c.grid, c.quantiser.depth], 'int32')
  const sum = embedCodes(g, codes, `${c.prefix}.quantizer`, c.quantiser).at(-1)!
  const own = channelsFirst(g, sum)
  const latent = c.latentGrid
    ? g.resizeBilinear(own, ...c.latentGrid, { alignCorners: false })
    : own
  const stage = (name: string, value: Value) => g.stage(`decoder.${name}`, value)
  stage('latent', latent)
  const quantised = conv(g, latent, `${c.prefix}.post_quant_conv`, c.latentWidth, 1)
  stage('post_quant_conv', quantised)

  const name = `${c.prefix}.decoder`
  const coarsest = c.multiples.length - 1
  const widths = c.multiples.map((multiple) => multiple * c.width)
  let x = stage('conv_in', conv(g, quantised, `${name}.conv_in`, widths.at(-1)!, 3))
  x = stage('mid.block_1', residualBlock(g, x, `${name}.mid.block_1`, widths.at(-1)!))
  x = stage('mid.attn_1', attentionBlock(g, x, `${name}.mid.attn_1`))
  x = stage('mid.block_2', residualBlock(g, x, `${name}.mid.block_2`, widths.at(-1)!))
  for (const [level, width] of [...widths.entries()].reverse()) {
    const up = `up.${level}`
    const side = Math.floor(c.resolution / 2 ** coarsest) * 2 ** (coarsest - level)
    const attends = c.attentionSides.includes(side)
    for (let i = 0; i <= c.blocks; i++) {
      const last = (kind: string, value: Value) =>
        i === c.blocks ? stage(`${up}.last_${kind}`, value) : value
      x = last('block', residualBlock(g, x, `${name}.${up}.block.${i}`, width))
      if (attends) x = last('attn', attentionBlock(g, x, `${name}.${up}.attn.${i}`))
    }
    if (level === 0) continue
    x = stage(`${up}.upsample`, conv(g, twice(g, x), `${name}.${up}.upsample.conv`, width, 3))
  }
  const normed = stage('norm_out', norm(g, x, `${name}.norm_out`))
  g.output('pixels', conv(g, g.silu(normed), `${name}.conv_out`, 3, 3))
  return g.build()
}

/** x [n, c, h, w] → [n, width, h, w]. */
function residualBlock(g: GraphBuilder, x: Value, prefix: string, width: number): Value {
  let hidden = g.silu(norm(g, x, `${prefix}.norm1`))
  hidden = conv(g, hidden, `${prefix}.conv1`, width, 3)
  hidden = g.silu(norm(g, hidden, `${prefix}.norm2`))
  hidden = conv(g, hidden, `${prefix}.conv2`, width, 3)
  return g.add(x.shape[1] === width ? x : conv(g, x, `${prefix}.nin_shortcut`, width, 1), hidden)
}

/** Every place sees every place, with one head: x [n, c, h, w] → same shape. */
function attentionBlock(g: GraphBuilder, x: Value, prefix: string): Value {
  const [n, channels, height, width] = x.shape as [Dim, number, number, number]
  const normed = norm(g, x, `${prefix}.norm`)
  const [q, k, v] = ['q', 'k', 'v'].map((part) =>
    gridToTokens(g, channelsLast(g, conv(g, normed, `${prefix}.${part}`, channels, 1))),
  ) as [Value, Value, Value]
  const map = g.reshape(g.attention(q, k, v, 1), [n, height, width, channels])
  return g.add(x, conv(g, channelsFirst(g, map), `${prefix}.proj_out`, channels, 1))
}

/** Every pixel a square of four: x [n, c, h, w] → [n, c, 2h, 2w]. */
function twice(g: GraphBuilder, x: Value): Value {
  const [n, channels, height, width] = x.shape as [Dim, number, number, number]
  const apart = g.reshape(x, [n, channels, height, 1, width, 1])
  const rows = g.concat([apart, apart], 3)
  return g.reshape(g.concat([rows, rows], 5), [n, channels, 2 * height, 2 * width])
}

/** A convolution of odd kernel that keeps height and width. */
function conv(g: GraphBuilder, x: Value, prefix: string, out: number, size: number): Value {
  const weight = g.weight(`${prefix}.weight`, [out, x.shape[1] as number, size, size])
  const bias = g.weight(`${prefix}.bias`, [out])
  return g.conv2d(x, weight, bias, { stride: 1, padding: (size - 1) / 2, groups: 1 })
}

function norm(g: GraphBuilder, x: Value, prefix: string): Value {
  const channels = x.shape[1] as number
  const [weight, bias] = ['weight', 'bias'].map((name) => g.weight(`${prefix}.${name}`, [channels]))
  return g.groupNorm(x, weight!, bias!, NORM)
}
