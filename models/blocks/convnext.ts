/** ConvNeXt (Liu et al., 2022) in timm's spelling, up to and including the last stage. */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { channelsFirst, channelsLast, dense, layerNorm, patchConv } from './dense.ts'

export interface ConvNextConfig {
  readonly imageSize: number
  /** Kernel and stride of the stem. */
  readonly patchSize: number
  readonly kernelSize: number
  /** Width of each stage; every stage after the first halves the resolution. */
  readonly hiddenSizes: readonly number[]
  readonly depths: readonly number[]
  readonly layerNormEps: number
  /** What the checkpoint calls the per-channel scale: `gamma` in timm, `weight` in Eagle. */
  readonly scaleName: 'gamma' | 'weight'
}

/**
 * Pixels [tiles, 3, S, S] → map [tiles, S/r, S/r, width] with r = patchSize · 2^(stages − 1). What each stage gives is
 * published as `name.stageN` where a name is given.
 */
export function convNext(
  g: GraphBuilder,
  pixels: Value,
  prefix: string,
  c: ConvNextConfig,
  name?: string,
): Value {
  const stem = patchConv(g, pixels, `${prefix}.stem.0`, c.hiddenSizes[0]!, c.patchSize)
  let x = layerNorm(g, channelsLast(g, stem), `${prefix}.stem.1`, c.layerNormEps)
  for (const [s, width] of c.hiddenSizes.entries()) {
    const stage = `${prefix}.stages.${s}`
    if (s > 0) x = downsample(g, x, `${stage}.downsample`, width, c.layerNormEps)
    for (let b = 0; b < c.depths[s]!; b++) x = block(g, x, `${stage}.blocks.${b}`, width, c)
    if (name !== undefined) x = g.stage(`${name}.stage${s}`, x)
  }
  return x
}

/** x [tiles, h, w, c] → [tiles, h/2, w/2, width]. */
function downsample(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  width: number,
  epsilon: number,
): Value {
  const normed = channelsFirst(g, layerNorm(g, x, `${prefix}.0`, epsilon))
  return channelsLast(g, patchConv(g, normed, `${prefix}.1`, width, 2))
}

/** x [tiles, h, w, c] → same shape. */
function block(g: GraphBuilder, x: Value, prefix: string, width: number, c: ConvNextConfig): Value {
  const mixed = g.conv2d(
    channelsFirst(g, x),
    g.weight(`${prefix}.conv_dw.weight`, [width, 1, c.kernelSize, c.kernelSize]),
    g.weight(`${prefix}.conv_dw.bias`, [width]),
    { stride: 1, padding: (c.kernelSize - 1) / 2, groups: width },
  )
  const normed = layerNorm(g, channelsLast(g, mixed), `${prefix}.norm`, c.layerNormEps)
  const hidden = g.gelu(dense(g, normed, `${prefix}.mlp.fc1`, 4 * width), 'erf')
  const scale = g.weight(`${prefix}.${c.scaleName}`, [width])
  return g.add(x, g.mul(dense(g, hidden, `${prefix}.mlp.fc2`, width), scale))
}
