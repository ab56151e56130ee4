/**
 * The encoder of Pix2Struct (arXiv 2210.03347) in the hub's spelling, with its processor, as Eagle runs both:
 * `pix2struct_encoder.py` of NVlabs/Eagle.
 */
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import type { Rgb } from '../preprocessing.ts'
import { dense, rmsNorm } from './dense.ts'
import { tokensToGrid } from './fuse.ts'

export interface Pix2StructConfig {
  readonly imageSize: number
  /** Mean and deviation that the pixels were normalised with, which is undone. */
  readonly mean: Rgb
  readonly std: Rgb
  readonly patchSize: number
  /** Patches a side. */
  readonly grid: number
  /** Rows that the published code pads its patches to. */
  readonly maxPatches: number
  readonly hiddenSize: number
  readonly layers: number
  readonly heads: number
  readonly headDim: number
  readonly intermediateSize: number
  /** Rows that the tables of positions have, and columns. */
  readonly positions: number
  readonly layerNormEps: number
}

/** Reads the fields of the hub's `Pix2StructVisionConfig`; what is not said is as in the large model. */
export function readPix2StructConfig(
  raw: ConfigReader,
  pixels: Pick<Pix2StructConfig, 'imageSize' | 'mean' | 'std'>,
): Pix2StructConfig {
  const patchSize = raw.size('patch_size', 16)
  const maxPatches = raw.size('max_patches', 2048)
  const grid = raw.size('patches_per_side', 45)
  // The processor finds it by itself; the tower takes it for granted.
  const share = patchSize / pixels.imageSize
  const feasible = Math.floor(Math.sqrt(maxPatches * share * share) / share)
  if (grid !== feasible)
    throw raw.mismatch('patches_per_side', `${feasible}, all that ${maxPatches} patches allow`)
  const positions = raw.size('seq_len', 4096)
  if (grid >= positions) throw raw.mismatch('seq_len', `more than ${grid}`)
  return {
    ...pixels,
    patchSize,
    grid,
    maxPatches,
    hiddenSize: raw.size('hidden_size', 1536),
    layers: raw.repeats('num_hidden_layers', 18),
    heads: raw.size('num_attention_heads', 24),
    headDim: raw.size('d_kv', 64),
    intermediateSize: raw.size('d_ff', 3968),
    positions,
    layerNormEps: raw.number('norm_eps', 1e-6),
  }
}

/**
 * Pixels [tiles, 3, S, S] → map [tiles, grid, grid, hiddenSize]. `padding` adds the rows that the published code pads with;
 * no patch sees them and they are dropped at the end, so only a comparison wants them.
 * Stages: `name.patches`, `name.embeddings`, `name.layerN`, `name.final_norm`.
 */
export function pix2struct(
  g: GraphBuilder,
  pixels: Value,
  prefix: string,
  c: Pix2StructConfig,
  { name, padding = 0 }: { readonly name: string; readonly padding?: number },
): Value {
  const cells = c.grid ** 2
  const patches = g.stage(`${name}.patches`, patchValues(g, pixels, c))
  const rows = padding === 0 ? patches : g.padEnd(patches, 1, padding)
  const embedding = `${prefix}.embeddings`
  let x = g.add(
    dense(g, rows, `${embedding}.patch_projection`, c.hiddenSize),
    places(g, embedding, c, padding),
  )
  g.stage(`${name}.embeddings`, x)
  for (let i = 0; i < c.layers; i++)
    x = g.stage(`${name}.layer${i}`, layer(g, x, `${prefix}.encoder.layer.${i}`, cells, c))
  x = g.stage(`${name}.final_norm`, rmsNorm(g, x, `${prefix}.layernorm`, c.layerNormEps))
  return tokensToGrid(g, padding === 0 ? x : g.slice(x, 1, 0, cells))
}

/** Pixels → patches [tiles, grid², patchSize²·3] of the grey levels, standardised picture by picture; channels go last in a patch. */
function patchValues(g: GraphBuilder, pixels: Value, c: Pix2StructConfig): Value {
  const { mean, std, patchSize, grid } = c
  const perChannel = (values: Rgb) => g.constant(values, [3, 1, 1])
  const bytes = g.mul(
    g.add(g.mul(pixels, perChannel(std)), perChannel(mean)),
    g.constant([255], [1]),
  )
  const even = g.standardize(bytes, 1 / Math.sqrt(3 * c.imageSize ** 2))
  const resized = g.resizeAntialias(even, grid * patchSize, grid * patchSize)
  const tiles = pixels.shape[0]!
  const apart = g.reshape(resized, [tiles, 3, grid, patchSize, grid, patchSize])
  const ordered = g.transpose(apart, [0, 2, 4, 3, 5, 1])
  return g.reshape(ordered, [tiles, grid * grid, patchSize * patchSize * 3])
}

/** Embedding of the row plus that of the column, both counted from 1: [grid² + padding, hiddenSize]. Padding is at row and column 0. */
function places(g: GraphBuilder, prefix: string, c: Pix2StructConfig, padding: number): Value {
  const { grid, positions, hiddenSize } = c
  const table = (axis: 'row' | 'column') =>
    g.weight(`${prefix}.${axis}_embedder.weight`, [positions, hiddenSize])
  const [rows, columns] = [table('row'), table('column')]
  const of = (from: Value) => g.slice(from, 0, 1, grid + 1)
  const cells = g.reshape(g.add(g.reshape(of(rows), [grid, 1, hiddenSize]), of(columns)), [
    grid * grid,
    hiddenSize,
  ])
  if (padding === 0) return cells
  const nowhere = g.add(g.slice(rows, 0, 0, 1), g.slice(columns, 0, 0, 1))
  return g.concat([cells, ...new Array<Value>(padding).fill(nowhere)], 0)
}

/** x [tiles, rows, hiddenSize] → same shape; the first `cells` rows are patches, which all rows see. */
function layer(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  cells: number,
  c: Pix2StructConfig,
): Value {
  const normed = rmsNorm(g, x, `${prefix}.pre_attention_layer_norm`, c.layerNormEps)
  const seen = x.shape[1] === cells ? normed : g.slice(normed, 1, 0, cells)
  const project = (from: Value, part: 'query' | 'key' | 'value') =>
    dense(g, from, `${prefix}.attention.${part}`, c.heads * c.headDim, { bias: false })
  // As in T5, scores are not scaled.
  const attended = g.attention(
    project(normed, 'query'),
    project(seen, 'key'),
    project(seen, 'value'),
    c.heads,
    { scale: 1 },
  )
  x = g.add(x, dense(g, attended, `${prefix}.attention.output`, c.hiddenSize, { bias: false }))

  const ready = rmsNorm(g, x, `${prefix}.pre_mlp_layer_norm`, c.layerNormEps)
  const inner = (part: 'wi_0' | 'wi_1') =>
    dense(g, ready, `${prefix}.mlp.${part}`, c.intermediateSize, { bias: false })
  const hidden = g.mul(g.gelu(inner('wi_0'), 'tanh'), inner('wi_1'))
  return g.add(x, dense(g, hidden, `${prefix}.mlp.wo`, c.hiddenSize, { bias: false }))
}
