/** Eagle 2's way from a tower to the decoder: squares of tokens are joined (`pixel_shuffle`), then `mlp1`. */
import { dense, layerNorm } from '../blocks/dense.ts'
import { joinSquares } from '../blocks/downsample.ts'
import { type VitConfig, vitGrid } from '../blocks/vit.ts'
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'

export interface ConnectorConfig {
  /** Tokens a side of the squares that are joined; 1: none are. */
  readonly joined: number
  /** 2: LayerNorm, Linear, GELU, Linear; 1: Linear. */
  readonly layers: 1 | 2
}

/** PyTorch's default, not the tower's. */
const NORM_EPS = 1e-5

export function readConnector(config: ConfigReader, tower: VitConfig): ConnectorConfig {
  const grid = vitGrid(tower)
  const joined = 1 / config.number('downsample_ratio', 0.5)
  if (!Number.isInteger(joined) || joined < 1 || grid % joined !== 0)
    throw config.mismatch('downsample_ratio', `one over a divisor of the tower's grid of ${grid}`)
  const layers = config.oneOf('mlp_connector_layers', [1, 2], 2)
  if (config.boolean('use_pixel_shuffle', true)) return { joined, layers }
  // The published LayerNorm has the width of joined tokens in any case.
  if (layers === 2 && joined > 1)
    throw config.mismatch('use_pixel_shuffle', 'true, unless mlp_connector_layers is 1')
  return { joined: 1, layers }
}

/** Features that one tile becomes. */
export function tokensPerTile(tower: VitConfig, { joined }: ConnectorConfig): number {
  return (vitGrid(tower) / joined) ** 2
}

/** Tokens [tiles, grid², c] → [tiles, (grid / joined)², joined² · c]: row-major, and so are the tokens of a square. */
export function joinTokens(g: GraphBuilder, tokens: Value, { joined }: ConnectorConfig): Value {
  return joined === 1 ? tokens : joinSquares(g, tokens, joined, 'rows')
}

/** x [tiles, tokens, c] → [tiles, tokens, width]. */
export function mlp1(
  g: GraphBuilder,
  x: Value,
  { layers }: Pick<ConnectorConfig, 'layers'>,
  width: number,
): Value {
  if (layers === 1) return dense(g, x, 'mlp1.0', width)
  const hidden = dense(g, layerNorm(g, x, 'mlp1.0', NORM_EPS), 'mlp1.1', width)
  return dense(g, g.gelu(hidden, 'erf'), 'mlp1.3', width)
}
