/** The EVA-02 detection backbone (arXiv 2303.11331) in the published spelling: `eva_vit.py` of NVlabs/Eagle. */
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { channelsFirst, channelsLast, dense, layerNorm, patchConv } from './dense.ts'
import { attendCells } from './windows.ts'

export interface EvaConfig {
  readonly imageSize: number
  readonly patchSize: number
  readonly hiddenSize: number
  readonly layers: number
  readonly heads: number
  readonly intermediateSize: number
  /** Side of a window in cells. */
  readonly windowSize: number
  /** Layers in which a cell sees its window alone. */
  readonly windowLayers: ReadonlySet<number>
  /** Side of the map that the stored positions are for. */
  readonly positionGrid: number
  /** How many steps of the rotary embedding any map or window is wide. */
  readonly ropeSteps: number
  readonly ropeTheta: number
  readonly layerNormEps: number
}

/** Layers of EVA-02-L that attend window by window: two of three, but for the last. */
const WINDOW_LAYERS = [0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22]

/** Reads the arguments of the published `EVAViT`; what is not said is as in EVA-02-L. */
export function readEvaConfig(raw: ConfigReader, imageSize: number): EvaConfig {
  const hiddenSize = raw.size('embed_dim', 1024)
  const heads = raw.size('num_heads', 16)
  // A quarter of a head turns with the row and another with the column, pair by pair.
  if (hiddenSize % (heads * 4) !== 0)
    throw raw.mismatch('num_heads', `a divisor of ${hiddenSize} that leaves heads of fours`)
  const layers = raw.repeats('depth', 24)
  const patchSize = raw.size('patch_size', 16)
  if (imageSize % patchSize !== 0) throw raw.mismatch('patch_size', `a divisor of ${imageSize}`)
  return {
    imageSize,
    patchSize,
    hiddenSize,
    layers,
    heads,
    intermediateSize: raw.size(
      'mlp_hidden',
      Math.floor(hiddenSize * raw.number('mlp_ratio', 8 / 3)),
    ),
    windowSize: raw.size('window_size', 16),
    windowLayers: new Set(raw.indexes('window_block_indexes', layers, WINDOW_LAYERS)),
    positionGrid: raw.size('pretrain_grid', 14),
    ropeSteps: raw.size('rope_pt_seq_len', 16),
    ropeTheta: raw.number('rope_theta', 10000),
    layerNormEps: raw.number('norm_eps', 1e-6),
  }
}

/**
 * Pixels [tiles, 3, S, S] → map [tiles, S/patchSize, S/patchSize, hiddenSize], without a norm at the end.
 * Stages: `name.patch_embed`, `name.with_pos`, `name.blockN`.
 */
export function eva(
  g: GraphBuilder,
  pixels: Value,
  prefix: string,
  c: EvaConfig,
  name: string,
): Value {
  const embedding = `${prefix}.patch_embed.proj`
  const patches = channelsLast(g, patchConv(g, pixels, embedding, c.hiddenSize, c.patchSize))
  g.stage(`${name}.patch_embed`, patches)
  let x = g.stage(`${name}.with_pos`, g.add(patches, positions(g, prefix, c)))
  for (let i = 0; i < c.layers; i++) x = g.stage(`${name}.block${i}`, block(g, x, prefix, i, c))
  return x
}

/** Positions of the pretrained map, resized to this one: [1, n, n, hiddenSize]. The first stands for a class token. */
function positions(g: GraphBuilder, prefix: string, c: EvaConfig): Value {
  const { positionGrid: stored, hiddenSize } = c
  const side = c.imageSize / c.patchSize
  const all = g.weight(`${prefix}.pos_embed`, [1, 1 + stored ** 2, hiddenSize])
  const map = g.reshape(g.slice(all, 1, 1, 1 + stored ** 2), [1, stored, stored, hiddenSize])
  if (side === stored) return map
  return channelsLast(g, g.resizeBicubic(channelsFirst(g, map), side, side))
}

/** x [tiles, n, n, c] → same shape. */
function block(g: GraphBuilder, x: Value, tower: string, i: number, c: EvaConfig): Value {
  const prefix = `${tower}.blocks.${i}`
  const normed = layerNorm(g, x, `${prefix}.norm1`, c.layerNormEps)
  const isWindowed = c.windowLayers.has(i)
  const attended = attendCells(g, normed, isWindowed ? c.windowSize : undefined, (cells, side) => {
    const rope = ropeTables(g, tower, isWindowed, side, c)
    return attention(g, cells, `${prefix}.attn`, rope, c)
  })
  x = g.add(x, attended)
  const ready = layerNorm(g, x, `${prefix}.norm2`, c.layerNormEps)
  return g.add(x, swiglu(g, ready, `${prefix}.mlp`, c))
}

const WINDOW_ROPE = 'rope_win.'
const GLOBAL_ROPE = 'rope_glb.'

/** Tables that the tower has whether or not a layer attends in their way; prefixes of names. */
export function unusedRopeTables({ windowLayers, layers }: EvaConfig): string[] {
  return [
    ...(windowLayers.size === 0 ? [WINDOW_ROPE] : []),
    ...(windowLayers.size === layers ? [GLOBAL_ROPE] : []),
  ]
}

interface RopeTables {
  readonly cos: Value
  readonly sin: Value
}

/** cells [n, side², c] → same shape. Keys have no bias. */
function attention(
  g: GraphBuilder,
  cells: Value,
  prefix: string,
  { cos, sin }: RopeTables,
  { hiddenSize, heads }: EvaConfig,
): Value {
  const project = (part: 'q' | 'k' | 'v') => {
    const weight = g.weight(`${prefix}.${part}_proj.weight`, [hiddenSize, hiddenSize])
    return part === 'k'
      ? g.linear(cells, weight)
      : g.linear(cells, weight, g.weight(`${prefix}.${part}_bias`, [hiddenSize]))
  }
  const [q, k] = (['q', 'k'] as const).map((part) => g.ropeTable(project(part), cos, sin, heads))
  return dense(g, g.attention(q!, k!, project('v'), heads), `${prefix}.proj`, hiddenSize)
}

/** silu(w1 x) · (w2 x), normed before it is projected back. */
function swiglu(g: GraphBuilder, x: Value, prefix: string, c: EvaConfig): Value {
  const gate = g.silu(dense(g, x, `${prefix}.w1`, c.intermediateSize))
  const hidden = g.mul(gate, dense(g, x, `${prefix}.w2`, c.intermediateSize))
  const normed = layerNorm(g, hidden, `${prefix}.ffn_ln`, c.layerNormEps)
  return dense(g, normed, `${prefix}.w3`, c.hiddenSize)
}

/**
 * Cosines and sines [side², headDim] of all layers that attend alike. The published code shares one pair of tables among
 * them, saves it with every one, and uses what is saved, which training in bfloat16 has rounded.
 */
function ropeTables(
  g: GraphBuilder,
  tower: string,
  isWindowed: boolean,
  side: number,
  c: EvaConfig,
): RopeTables {
  const layers = Array.from({ length: c.layers }, (_, i) => i).filter(
    (i) => c.windowLayers.has(i) === isWindowed,
  )
  const table = (kind: 'cos' | 'sin') =>
    g.weight(
      `${tower}.${isWindowed ? WINDOW_ROPE : GLOBAL_ROPE}freqs_${kind}`,
      [side * side, c.hiddenSize / c.heads],
      {
        copies: layers.map((i) => `${tower}.blocks.${i}.attn.rope.freqs_${kind}`),
        values: () => angles(side, c).map((angle) => Math[kind](angle)),
      },
    )
  return { cos: table('cos'), sin: table('sin') }
}

/** The first half of a head turns with the row, the second with the column, both pairs of a frequency alike: [side², headDim]. */
function angles(side: number, { hiddenSize, heads, ropeSteps, ropeTheta }: EvaConfig): number[] {
  const half = hiddenSize / heads / 2
  return Array.from({ length: side * side * 2 * half }, (_, i) => {
    const [cell, channel] = [Math.floor(i / (2 * half)), i % (2 * half)]
    const place = channel < half ? Math.floor(cell / side) : cell % side
    const pair = Math.floor((channel % half) / 2)
    return ((place * ropeSteps) / side) * ropeTheta ** ((-2 * pair) / half)
  })
}
