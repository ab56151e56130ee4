/**
 * VILA-1.5 (arXiv 2312.07533), LongVILA (2408.10188) and NVILA (2412.04468): SigLIP at one scale or several, neighbouring
 * tokens joined, a Llama or Qwen2. One model_type for three generations; `vila/config.ts` tells them apart.
 */
import { s2 } from './blocks/s2.ts'
import { siglip } from './blocks/siglip.ts'
import { textDecoder } from './blocks/text-decoder.ts'
import { vitGrid } from './blocks/vit.ts'
import { defineFamily, type FamilyGraphs } from './family.ts'
import { GraphBuilder } from './graph/builder.ts'
import type { Value } from './graph/graph.ts'
import { parseVilaConfig, type VilaConfig } from './vila/config.ts'
import { project, projectedTokens } from './vila/projector.ts'
import { nvilaVideo, vila15Video } from './vila/video.ts'
import { EXPERTS } from './vila-m3/expert-cards.ts'

/** Ends a turn. */
const LLAMA_3_END = '<|eot_id|>'
const CHATML_END = '<|im_end|>'

function graphs(c: VilaConfig): FamilyGraphs {
  const { merge, projector, text } = c
  const g = new GraphBuilder('encoder')
  const pixels = g.input('pixels', ['tiles', 3, tileSize(c), tileSize(c)])
  const seen = g.stage('tower_features', tower(g, pixels, c))
  const decoder = textDecoder(text)
  if (!merge) {
    g.output('features', project(g, seen, projector, text.hiddenSize))
    return { encoder: g.build(), decoder }
  }
  g.output('features', seen)
  const p = new GraphBuilder('projector')
  const blocks = p.input('blocks', ['blocks', merge.grid ** 2, merge.scales * merge.channels])
  p.output('features', project(p, blocks, projector, text.hiddenSize))
  return { encoder: g.build(), merging: { merge, projector: p.build() }, decoder }
}

/** Pixels [tiles, 3, S, S] → tokens [tiles, grid², channels of all static scales]. */
function tower(g: GraphBuilder, pixels: Value, { s2: scales, tower: c, towerLayers }: VilaConfig) {
  const prefix = 'vision_tower.vision_model'
  const layers = towerLayers
  return scales
    ? s2(g, pixels, scales, (squares) => siglip(g, squares, prefix, c, { layers }))
    : siglip(g, pixels, prefix, c, { layers, stage: 'tower_embeddings' })
}

/** Side of the picture that the encoder reads. */
function tileSize({ tower, s2 }: VilaConfig): number {
  return s2?.scales.at(-1) ?? tower.imageSize
}

function tokensPerTile({ tower, projector }: VilaConfig): number {
  return projectedTokens(projector, vitGrid(tower))
}

/** As the published code does, VILA-M3 is told from VILA-1.5 by its name: the configs are the same. */
const VILA_M3 = /vila[-_.]?m3/i

export const family = defineFamily<VilaConfig>({
  modelType: 'llava_llama',
  parseConfig: parseVilaConfig,
  graphs,
  imagePreprocessing: (c) => ({
    mode: c.isPadded ? 'pad' : 'stretch',
    size: tileSize(c),
    // SigLIP's mean, cut off to whole numbers.
    padColor: [127, 127, 127],
    resample: 'bicubic',
    alpha: 'dropped',
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
    ...(c.tiling ? { tiling: c.tiling } : {}),
  }),
  towers: ({ tower }) => [{ name: 'siglip', inputSize: tower.imageSize, stage: 'tower_features' }],
  limits: (c) => ({
    vocabSize: c.text.vocabSize,
    hiddenSize: c.text.hiddenSize,
    maxContext: c.text.maxPositions,
    tokensPerTile: tokensPerTile(c),
    // Frames are pictures too: as many as the context holds.
    maxImages: Math.max(1, Math.floor(c.text.maxPositions / tokensPerTile(c))),
  }),
  experts: (names) => (names.some((name) => VILA_M3.test(name)) ? EXPERTS : []),
  weightFolders: ['llm', 'vision_tower', 'mm_projector'],
  textFolder: 'llm',
  weightNames: [
    ['llm.', ''],
    ['', ''],
  ],
  // The layers behind the selected one, and the pooling head.
  ignoredWeights: ({ tower, towerLayers }) => [
    'vision_tower.vision_model.head.',
    'vision_tower.vision_model.post_layernorm.',
    ...Array.from(
      { length: tower.layers - towerLayers },
      (_, i) => `vision_tower.vision_model.encoder.layers.${towerLayers + i}.`,
    ),
  ],
  embeddingName: 'llm.model.embed_tokens.weight',
  imageToken: () => '<image>',
  // A tile of a picture alone is to NVILA's `dynamic` a picture on a line of its own.
  pictureText: ({ tiling }, { tiles }, _number, pictures) =>
    tiling?.rule === 'closest-ratio' && pictures === 1
      ? ['', ...new Array<string>(tiles).fill('\n')]
      : ['', ''],
  stretchTexts: ({ images }) => images,
  video: (c) =>
    c.generation === 'nvila'
      ? nvilaVideo(c.video, Math.sqrt(tokensPerTile(c)))
      : vila15Video(c.video),
  messageContent: ({ generation }) => (generation === 'nvila' ? 'stripped-text' : 'parts'),
  // VILA-1.5 does not say; the published code goes by the checkpoints' names, of which those with Llama 3 have its tokens.
  // What the tokenizer puts before a text comes first, and then again what Llama 3's template says.
  conversation: ({ generation, chatTemplate }, has) => {
    if (chatTemplate) return { template: chatTemplate, addsBos: false, stopTokens: [CHATML_END] }
    if (generation === 'nvila') return undefined
    return has(LLAMA_3_END)
      ? { template: 'llama_3', addsBos: true, stopTokens: [LLAMA_3_END] }
      : { template: 'vicuna_v1', addsBos: true, stopTokens: [] }
  },
})
