/**
 * RADIO and C-RADIO (arXiv 2312.06709, 2412.07679): one vision transformer that learnt from several teachers, for pictures
 * of any size. Reference code: NVlabs/RADIO, `radio/hf_model.py`, `radio/radio_model.py`. E-RADIO and the giant with
 * patches of 14 are other architectures, and refused by name.
 */
import { croppedPositions } from './blocks/cropped-positions.ts'
import { layerNorm } from './blocks/dense.ts'
import { adaptorHead } from './blocks/radio-adaptor.ts'
import { type RadioConfig, readRadioConfig } from './blocks/radio-config.ts'
import { roundHalfToEven } from './blocks/round.ts'
import { timmBlock } from './blocks/timm-vit.ts'
import { type WindowConfig, windowedBlocks } from './blocks/vitdet.ts'
import { ConfigReader } from './config-reader.ts'
import { defineFamily, type EmbeddingOutput } from './family.ts'
import { GraphBuilder } from './graph/builder.ts'
import type { Graph, Value } from './graph/graph.ts'
import type { PictureSize } from './tiling/layout.ts'

export interface RadioInput {
  /** In pixels, multiples of the patch. */
  readonly height: number
  readonly width: number
  /** Another function than the plain one, for large pictures. */
  readonly windows?: WindowConfig
  /** The one output that is wanted; absent: all. */
  readonly output?: string
}

/**
 * The tower for pictures of one size. Input: `pixels` [tiles, 3, height, width], colours 0…1. Outputs: `summary` [tiles,
 * summaryTokens · c], `features` [tiles, rows·columns, c], row-major, and for each adaptor `NAME.summary` and
 * `NAME.features`. Stages: `conditioned`, `patch_embed`, `pos_enc`, `tokens_in`, `blockN`, `blockN_attn`.
 */
export function radioEncoder(
  c: RadioConfig,
  { height, width, windows, output: wanted }: RadioInput,
): Graph {
  const g = new GraphBuilder('encoder')
  const grid = { rows: height / c.patchSize, columns: width / c.patchSize }
  const prefix = c.classTokens + c.registers
  const pixels = g.input('pixels', ['tiles', 3, height, width])
  const tokens = g.stage('tokens_in', embed(g, pixels, c, grid))

  const blocks = Array.from({ length: c.layers }, (_, i) => (x: Value) => {
    const stage = { stage: `block${i}_attn` }
    return g.stage(`block${i}`, timmBlock(g, x, `model.blocks.${i}`, c, stage))
  })
  const raw = windows
    ? windowedBlocks(g, tokens, blocks, { windows, prefix, grid })
    : blocks.reduce((x, block) => block(x), tokens)
  const x = c.hasFinalNorm ? layerNorm(g, raw, 'model.norm', c.layerNormEps) : raw

  const summaries = g.slice(x, 1, 0, c.seenTokens)
  const features = normalise(g, g.slice(x, 1, prefix, prefix + grid.rows * grid.columns), c)
  const output = (name: string, make: () => Value) => {
    if (wanted === undefined || wanted === name) g.output(name, make())
  }
  output('summary', () => joinSummaries(g, summaries, c))
  output('features', () => features)
  for (const { name, token, summary, features: spatial } of c.adaptors) {
    const own = () => g.reshape(g.slice(summaries, 1, token, token + 1), ['tiles', c.hiddenSize])
    const head = `adaptors.${name}`
    output(`${name}.summary`, () => adaptorHead(g, own(), `${head}.head_mlp`, summary, grid))
    output(`${name}.features`, () => adaptorHead(g, features, `${head}.feat_mlp`, spatial, grid))
  }
  return g.build()
}

/** Pixels → class tokens, registers, and patches with their positions: [tiles, prefix + rows·columns, c]. */
function embed(
  g: GraphBuilder,
  pixels: Value,
  c: RadioConfig,
  grid: { readonly rows: number; readonly columns: number },
): Value {
  const { patchSize: p, hiddenSize, tableSide, classTokens, registers } = c
  const { rows, columns } = grid
  const channel = (name: string) => g.weight(`input_conditioner.${name}`, [3, 1, 1])
  const centred = g.sub(pixels, channel('norm_mean'))
  const conditioned = g.stage('conditioned', g.div(centred, channel('norm_std')))

  const apart = g.reshape(conditioned, ['tiles', 3, rows, p, columns, p])
  const flat = g.reshape(g.transpose(apart, [0, 2, 4, 1, 3, 5]), [
    'tiles',
    rows * columns,
    3 * p * p,
  ])
  const generator = 'model.patch_generator'
  const embedder = g.weight(`${generator}.embedder.weight`, [hiddenSize, 3 * p * p])
  const patches = g.stage('patch_embed', g.linear(flat, embedder))
  const table = g.weight(`${generator}.pos_embed`, [1, tableSide ** 2, hiddenSize])
  const size = { side: tableSide, width: hiddenSize, isCropped: c.hasCroppedPositions }
  const positions = g.stage('pos_enc', croppedPositions(g, table, size, grid))

  // These have no position.
  const prefix = classTokens + registers
  const token = g.weight(`${generator}.cls_token.token`, [prefix, hiddenSize])
  const first = g.expand(g.reshape(token, [1, prefix, hiddenSize]), patches)
  return g.concat([first, g.add(patches, positions)], 1)
}

/** [tiles, seenTokens, c] → [tiles, summaryTokens · c]: those that the checkpoint lists, in its order. */
function joinSummaries(g: GraphBuilder, all: Value, c: RadioConfig): Value {
  const wanted = g.indices('summary_idxs', [c.summaryTokens])
  const chosen = g.transpose(g.gather(g.transpose(all, [1, 0, 2]), wanted), [1, 0, 2])
  return g.reshape(chosen, ['tiles', c.summaryTokens * c.hiddenSize])
}

/** PHI-S over the patches of the backbone (arXiv 2410.01680): (x − mean) · txᵀ. */
function normalise(g: GraphBuilder, features: Value, c: RadioConfig): Value {
  if (!c.hasFeatureNormaliser) return features
  const centred = g.sub(features, g.weight('feature_normalizer.mean', [c.hiddenSize]))
  return g.linear(centred, g.weight('feature_normalizer.tx', [c.hiddenSize, c.hiddenSize]))
}

/** The size that the published code brings a picture to: each side the nearest multiple of the step, and one at least. */
export function nearestSupported(
  { step }: RadioConfig,
  height: number,
  width: number,
): PictureSize {
  const side = (length: number) => Math.max(step, roundHalfToEven(length / step) * step)
  return { height: side(height), width: side(width) }
}

/** The backbone's two, and two of each adaptor: under its name, what its teacher would say of the whole picture. */
function outputs(c: RadioConfig): EmbeddingOutput[] {
  const summary = (name: string, output: string, channels: number): EmbeddingOutput => ({
    ...{ name, output, channels },
    kind: 'summary',
    upsampling: 1,
  })
  return [
    summary('summary', 'summary', c.summaryTokens * c.hiddenSize),
    {
      ...{ name: 'features', output: 'features', kind: 'features' },
      channels: c.hiddenSize,
      upsampling: 1,
    },
    ...c.adaptors.flatMap(({ name, summary: own, features: { outputSize, upsampling } }) => [
      summary(name, `${name}.summary`, own.outputSize),
      {
        ...{ name: `${name}.features`, output: `${name}.features`, kind: 'features' as const },
        channels: outputSize / upsampling ** 2,
        upsampling,
      },
    ]),
  ]
}

export const family = defineFamily<RadioConfig>({
  modelType: 'radio',
  parseConfig: (raw) => readRadioConfig(new ConfigReader(raw)),
  graphs: (c) => ({
    encoder: radioEncoder(c, { height: c.preferred[0], width: c.preferred[1] }),
  }),
  towers: (c) => [{ name: 'radio', inputSize: Math.max(...c.preferred), stage: 'features' }],
  limits: (c) => ({
    vocabSize: 0,
    hiddenSize: c.hiddenSize,
    maxContext: 0,
    tokensPerTile: (c.preferred[0] * c.preferred[1]) / c.patchSize ** 2,
    maxImages: 1,
  }),
  embeddingTower: (c) => ({
    outputs: outputs(c),
    patchSize: c.patchSize,
    step: c.step,
    preferred: { height: c.preferred[0], width: c.preferred[1] },
    maxSide: c.maxSide,
    nearest: ({ height, width }) => nearestSupported(c, height, width),
    graph: ({ height, width }, { output }) => radioEncoder(c, { height, width, output }),
  }),
  weightNames: [['radio_model.', '']],
})
