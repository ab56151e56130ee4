/** SigLIP as Eagle 2 reads it: which of its states goes on, as `extract_feature` of both generations chooses it. */
import { layerNorm } from '../blocks/dense.ts'
import { siglip } from '../blocks/siglip.ts'
import type { VitConfig } from '../blocks/vit.ts'
import type { ConfigReader } from '../config-reader.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'

/** What goes on from a tower. */
export interface SelectedState {
  /** Layers that are run; 0: the embedded patches. */
  readonly layers: number
  /** Whether `post_layernorm` follows. */
  readonly isNormed: boolean
}

/** `select_layer`: −1 is the tower's output behind its norm, any other number an index into the states between layers, which are not normed. */
export function readSelectedState(config: ConfigReader, { layers }: VitConfig): SelectedState {
  const selected = config.number('select_layer', -4)
  if (selected === -1) return { layers, isNormed: true }
  const state = selected < 0 ? layers + 1 + selected : selected
  if (!Number.isInteger(state) || state < 0 || state > layers)
    throw config.mismatch('select_layer', `one of the ${layers + 1} states of the tower`)
  return { layers: state, isNormed: false }
}

/**
 * Pixels [tiles, 3, S, S] → tokens [tiles, grid², hiddenSize]. `prefix` is that of the inner `vision_model`.
 * Stages: `siglip.embeddings`, `siglip.layer.N`, `siglip.selected`.
 */
export function siglipState(
  g: GraphBuilder,
  pixels: Value,
  prefix: string,
  tower: VitConfig,
  { layers, isNormed }: SelectedState,
): Value {
  const stages = { stage: 'siglip.embeddings', layerStage: 'siglip.layer.' }
  const x = siglip(g, pixels, prefix, tower, { layers, ...stages })
  const state = isNormed ? layerNorm(g, x, `${prefix}.post_layernorm`, tower.layerNormEps) : x
  return g.stage('siglip.selected', state)
}

/** Graph names of tensors behind the selected state, and of the pooling head. */
export function unusedOfSiglip(
  prefix: string,
  tower: VitConfig,
  { layers, isNormed }: SelectedState,
): readonly string[] {
  const behind = Array.from({ length: tower.layers - layers }, (_, i) => layers + i)
  return [
    `${prefix}.head.`,
    ...(isNormed ? [] : [`${prefix}.post_layernorm.`]),
    ...behind.map((layer) => `${prefix}.encoder.layers.${layer}.`),
  ]
}
