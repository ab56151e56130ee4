/** A sound tower: Whisper's encoder over a window of log-mel, neighbours pooled, and a projector to the decoder's width. */
import { GraphBuilder } from '../graph/builder.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { mlp2xGelu } from './projector.ts'
import { type WhisperEncoderConfig, whisperEncoderStack } from './whisper-encoder.ts'

export interface SoundTowerConfig {
  readonly melBins: number
  readonly stack: WhisperEncoderConfig
  /** Positions of the encoder whose mean is one token. */
  readonly pooling: number
  readonly projectorHiddenSize: number
}

/**
 * `mel` [windows, bins, 2 · positions] → `features` [windows, positions / pooling, width]. Stages: `conv1`, `conv2`,
 * `layerN`, `normed`, `pooled`, `projected`, `placed`.
 */
export function soundTower(c: SoundTowerConfig, width: number): Graph {
  const g = new GraphBuilder('soundEncoder')
  const { stack, pooling } = c
  const mel = g.input('mel', ['windows', c.melBins, 2 * stack.positions])
  const stages = { convolutions: '', layers: '' }
  const heard = whisperEncoderStack(g, mel, 'audio_tower', stack, stages)
  const tokens = g.stage('normed', heard)
  const pooled = g.stage('pooled', meanOfNeighbours(g, tokens, pooling))
  const projected = mlp2xGelu(g, pooled, 'audio_projector', c.projectorHiddenSize, width)
  g.stage('projected', projected)
  const places = g.weight('audio_position_embedding', [stack.positions / pooling, width])
  g.output('features', g.stage('placed', g.add(projected, places)))
  return g.build()
}

/** x [windows, count · n, channels] → [windows, n, channels]. */
function meanOfNeighbours(g: GraphBuilder, x: Value, count: number): Value {
  const [windows, positions, channels] = x.shape as [string, number, number]
  const rows = g.reshape(x, [windows, positions / count, count * channels])
  const parts = Array.from({ length: count }, (_, i) =>
    g.slice(rows, 2, i * channels, (i + 1) * channels),
  )
  const sum = parts.reduce((total, part) => g.add(total, part))
  return g.mul(sum, g.constant([1 / count], [1]))
}
