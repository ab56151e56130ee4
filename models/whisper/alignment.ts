/**
 * How a speech model tells when a token was said: some heads of its cross-attention look at the sound of what is written. Which
 * ones was found by trying, for each published checkpoint (openai/whisper, `_ALIGNMENT_HEADS`); generation_config.json says it.
 */
import type { ConfigReader } from '../config-reader.ts'
import { GraphBuilder } from '../graph/builder.ts'
import type { Graph } from '../graph/graph.ts'

export interface SpeechAlignment {
  readonly heads: readonly AlignmentHead[]
  /** Width of each head. */
  readonly headDim: number
  /** Frames of 20 ms over which weights are smoothed; odd. */
  readonly filterWidth: number
}

/** Of the decoder's cross-attention, counted from 0. */
export interface AlignmentHead {
  readonly layer: number
  readonly head: number
}

/** Undefined where the checkpoint does not name its heads, as many that were trained further do not. */
export function readAlignment(
  config: ConfigReader,
  generation: ConfigReader,
  decoder: { readonly layers: number; readonly heads: number; readonly headDim: number },
): SpeechAlignment | undefined {
  if (!generation.has('alignment_heads')) return undefined
  const { layers, heads, headDim } = decoder
  const pairs = generation.places('alignment_heads', [layers, heads])
  const filterWidth = config.size('median_filter_width', 7)
  if (filterWidth % 2 === 0) throw config.mismatch('median_filter_width', 'an odd number')
  return {
    heads: pairs.map(([layer, head]) => ({ layer: layer!, head: head! })),
    headDim,
    filterWidth,
  }
}

/** Of one head: `query` [steps, headDim], `keys` [positions, headDim] → `weights` [steps, positions], what each step looked at. */
export function whisperAlignment({ headDim }: SpeechAlignment, positions: number): Graph {
  const g = new GraphBuilder('alignment')
  const query = g.input('query', ['steps', headDim])
  const keys = g.input('keys', [positions, headDim])
  const scale = g.constant([headDim ** -0.5], [1])
  g.output('weights', g.softmax(g.mul(g.linear(query, keys), scale)))
  return g.build()
}
