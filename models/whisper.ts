/**
 * Whisper (arXiv 2212.04356): speech to text by an encoder over 30 seconds of log-mel and a decoder that looks at it.
 * Reference code: openai/whisper, and `modeling_whisper.py` of transformers, whose layout the checkpoints have.
 */
import { dense, layerNorm } from './blocks/dense.ts'
import { whisperEncoderStack, whisperFeedForward } from './blocks/whisper-encoder.ts'
import { ConfigReader } from './config-reader.ts'
import { defineFamily, type FolderFacts, type SpeechModel } from './family.ts'
import { GraphBuilder } from './graph/builder.ts'
import type { Graph, Value } from './graph/graph.ts'
import { readAlignment, type SpeechAlignment, whisperAlignment } from './whisper/alignment.ts'
import { readSpeechRules, type SpeechRules } from './whisper/rules.ts'

export interface WhisperConfig {
  readonly melBins: number
  readonly hiddenSize: number
  readonly vocabSize: number
  /** Positions of the encoder: half as many as frames of log-mel in a window. */
  readonly sourcePositions: number
  /** Longest prompt and answer together, in tokens. */
  readonly targetPositions: number
  readonly embeddingScale: number
  readonly encoder: StackConfig
  readonly decoder: StackConfig
  readonly rules: SpeechRules
  readonly alignment: SpeechAlignment | undefined
}

interface StackConfig {
  readonly layers: number
  readonly heads: number
  readonly intermediateSize: number
}

const EPSILON = 1e-5
const TABLE = 'decoder.embed_tokens.weight'

/** Names of the decoder's inputs and the encoder's outputs for what a layer sees of the sound. */
export const crossKey = (layer: number) => `cross.${layer}.key`
export const crossValue = (layer: number) => `cross.${layer}.value`
/** Name of the decoder's output for what a layer asks of the sound. */
export const crossQuery = (layer: number) => `query.${layer}`

function readConfig(raw: ConfigReader, facts: FolderFacts | undefined): WhisperConfig {
  raw.oneOf('activation_function', ['gelu'], 'gelu')
  const hiddenSize = raw.size('d_model')
  const stack = (side: 'encoder' | 'decoder'): StackConfig => {
    const heads = raw.size(`${side}_attention_heads`)
    if (hiddenSize % heads !== 0)
      throw raw.mismatch(`${side}_attention_heads`, `a divisor of ${hiddenSize}`)
    return {
      heads,
      layers: raw.repeats(`${side}_layers`),
      intermediateSize: raw.size(`${side}_ffn_dim`),
    }
  }
  const vocabSize = raw.size('vocab_size')
  const targetPositions = raw.size('max_target_positions', 448)
  const decoder = stack('decoder')
  const generation = facts?.files.get(GENERATION_CONFIG)
  const rules = readSpeechRules(raw, generation, { vocabSize, targetPositions })
  return {
    hiddenSize,
    vocabSize,
    targetPositions,
    melBins: raw.size('num_mel_bins', 80),
    sourcePositions: raw.size('max_source_positions', 1500),
    embeddingScale: raw.boolean('scale_embedding', false) ? Math.sqrt(hiddenSize) : 1,
    encoder: stack('encoder'),
    ...{ decoder, rules },
    alignment: readAlignment(raw, new ConfigReader(generation, GENERATION_CONFIG), {
      ...decoder,
      headDim: hiddenSize / decoder.heads,
    }),
  }
}

const GENERATION_CONFIG = 'generation_config.json'

/**
 * `mel` [windows, bins, 2 · positions] → `cross.N.key`, `cross.N.value` [windows, positions, hidden], what the decoder's layer
 * N sees of the sound. Stages: `conv1`, `conv2`, `encoder.layerN`, `features`.
 */
export function whisperEncoder(c: WhisperConfig): Graph {
  const g = new GraphBuilder('encoder')
  const { hiddenSize: width, sourcePositions: positions } = c
  const mel = g.input('mel', ['windows', c.melBins, 2 * positions])
  const stack = { ...c.encoder, hiddenSize: width, positions, layerNormEps: EPSILON }
  const stages = { convolutions: '', layers: 'encoder.' }
  const features = g.stage('features', whisperEncoderStack(g, mel, 'encoder', stack, stages))
  // Once a window and not once a token.
  for (let layer = 0; layer < c.decoder.layers; layer++) {
    const prefix = `decoder.layers.${layer}.encoder_attn`
    g.output(crossKey(layer), dense(g, features, `${prefix}.k_proj`, width, { bias: false }))
    g.output(crossValue(layer), dense(g, features, `${prefix}.v_proj`, width))
  }
  return g.build()
}

/**
 * `tokens`, `positions` [batch, steps], the KV cache, `cross.N.key` and `cross.N.value` [batch, positions, hidden] of each row's
 * window, and `wanted` [batch, wanted], the steps that are asked for → `logits` [batch, wanted, vocab], and `query.N` [batch,
 * steps, hidden] of the layers that tell when words were said, which are computed in any case. Stages: `decoder.layerN` at every step, `hidden`.
 */
export function whisperDecoder(c: WhisperConfig): Graph {
  const g = new GraphBuilder('decoder')
  const { hiddenSize: width, sourcePositions } = c
  const tokens = g.input('tokens', ['batch', 'steps'], 'int32')
  const positions = g.input('positions', ['batch', 'steps'], 'int32')
  const wanted = g.input('wanted', ['batch', 'wanted'], 'int32')
  const table = g.weight(TABLE, [c.vocabSize, width])
  const places = g.weight('decoder.embed_positions.weight', [c.targetPositions, width])
  const embedded = g.gather(table, tokens)
  const scaled =
    c.embeddingScale === 1 ? embedded : g.mul(embedded, g.constant([c.embeddingScale], [1]))
  let x = g.add(scaled, g.gather(places, positions))
  for (let layer = 0; layer < c.decoder.layers; layer++) {
    const cross = (name: string) => g.input(name, ['batch', sourcePositions, width])
    const seen = { keys: cross(crossKey(layer)), values: cross(crossValue(layer)) }
    x = g.stage(`decoder.layer${layer}`, decoderLayer(g, x, layer, { positions, ...seen }, c))
  }
  const asked = g.gather(x, wanted, { batchDims: 1 })
  const hidden = g.stage('hidden', layerNorm(g, asked, 'decoder.layer_norm', EPSILON))
  g.output('logits', g.linear(hidden, table))
  return g.build()
}

interface Seen {
  readonly positions: Value
  readonly keys: Value
  readonly values: Value
}

function decoderLayer(
  g: GraphBuilder,
  x: Value,
  layer: number,
  { positions, keys, values }: Seen,
  c: WhisperConfig,
): Value {
  const { hiddenSize: width } = c
  const { heads } = c.decoder
  const headDim = width / heads
  const prefix = `decoder.layers.${layer}`
  const own = `${prefix}.self_attn`
  const normed = layerNorm(g, x, `${own}_layer_norm`, EPSILON)
  const attended = g.kvAttention(
    dense(g, normed, `${own}.q_proj`, width),
    dense(g, normed, `${own}.k_proj`, width, { bias: false }),
    dense(g, normed, `${own}.v_proj`, width),
    positions,
    { layer, heads, headDim, kvHeads: heads, scale: headDim ** -0.5 },
  )
  const heard = g.add(x, dense(g, attended, `${own}.out_proj`, width))

  const other = `${prefix}.encoder_attn`
  const asking = layerNorm(g, heard, `${other}_layer_norm`, EPSILON)
  const query = dense(g, asking, `${other}.q_proj`, width)
  if (c.alignment?.heads.some((head) => head.layer === layer)) g.output(crossQuery(layer), query)
  const looked = g.attention(query, keys, values, heads)
  const added = g.add(heard, dense(g, looked, `${other}.out_proj`, width))
  return whisperFeedForward(g, added, prefix, { ...c.decoder, layerNormEps: EPSILON })
}

function speechModel(c: WhisperConfig): SpeechModel {
  return {
    melBins: c.melBins,
    windowFrames: 2 * c.sourcePositions,
    hiddenSize: c.hiddenSize,
    layers: c.decoder.layers,
    ...{ rules: c.rules, alignment: c.alignment },
  }
}

export const family = defineFamily<WhisperConfig>({
  modelType: 'whisper',
  parseConfig: (raw, facts) => readConfig(new ConfigReader(raw), facts),
  configFiles: () => [GENERATION_CONFIG],
  graphs: (c) => ({
    ...{ encoder: whisperEncoder(c), decoder: whisperDecoder(c) },
    ...(c.alignment && { alignment: whisperAlignment(c.alignment, c.sourcePositions) }),
  }),
  limits: (c) => ({
    vocabSize: c.vocabSize,
    hiddenSize: c.hiddenSize,
    maxContext: c.targetPositions,
    tokensPerTile: 0,
    maxImages: 0,
  }),
  speech: speechModel,
  weightNames: [
    ['model.', ''],
    ['proj_out.', 'head.'],
  ],
  // The head is the table of embeddings; some checkpoints hold it a second time.
  ignoredWeights: () => ['head.'],
})
