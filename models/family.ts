/** What a model family is: a pure function of its config. No I/O, no device, no backend. */
import type { Graph } from './graph/graph.ts'
import type { ImagePreprocessing } from './preprocessing.ts'
import type { PictureLayout } from './tiling/layout.ts'

/** The parts of a model as graphs: an encoder, a decoder, or both. */
export interface FamilyGraphs {
  /**
   * `pixels` [tiles, 3, H, W] → `features` [tiles, tokensPerTile, hidden]: towers, fusion,
   * projector. Absent for text models.
   */
  readonly encoder?: Graph
  /**
   * `embeddings` [batch, steps, hidden], `positions` [batch, steps], the KV cache and `wanted`
   * [batch, wanted], the steps that are asked for → `hidden` [batch, wanted, hidden], `logits`
   * [batch, wanted, vocab]. Absent for a tower that is published alone.
   */
  readonly decoder?: Graph
  /**
   * `body` [rows, hidden], a decoder's hidden state for each place of a picture, and `codes` [rows, depth − 1], those already
   * chosen there → `logits` [rows, depth, codebook]: of a family that draws by residual quantised codes.
   */
  readonly depthTransformer?: Graph
  /** `codes` [rows, depth], chosen → `embeddings` [rows, hidden], which the decoder reads next. */
  readonly codeEmbedder?: Graph
  /** `codes` [pictures, rows, columns, depth] → `pixels` [pictures, 3, H, W], colours −1…1, a little beyond at times. */
  readonly pixelDecoder?: Graph
}

/** Numbers that the server needs to know about a model before it runs it. */
export interface ModelLimits {
  /** 0 without a decoder. */
  readonly vocabSize: number
  /** Width of a feature, which is that of the decoder where there is one. */
  readonly hiddenSize: number
  /** Longest sequence in positions, image tokens included; 0 without a decoder. */
  readonly maxContext: number
  /** Longest prompt in positions, image tokens included; absent: as long as the context leaves room for an answer. */
  readonly maxPrompt?: number
  /** Positions that one tile takes in the prompt; 0 for text models. */
  readonly tokensPerTile: number
  readonly maxImages: number
}

/** One vision tower, for people who ask what the model saw. */
export interface TowerCard {
  readonly name: string
  /** Side of the square that the tower reads, in pixels. */
  readonly inputSize: number
}

/** How a family that keeps its conversations in code, and not in the checkpoint, writes them. */
export interface Conversation {
  /** A file of `models/conversations`, without its ending. */
  readonly template: 'vicuna_v1' | 'vila_u' | 'llama_3' | 'llama3' | 'yi_34b_chatml_direct'
  /** Whether the tokenizer's own beginning of a text, if it has one, comes before what the template writes. */
  readonly addsBos: boolean
  /** Tokens that end an answer, beside the end of a text. */
  readonly stopTokens: readonly string[]
}

export interface Family<Config> {
  /** `model_type` of the checkpoint's config.json, verbatim; also the file's name. */
  readonly modelType: string
  /**
   * unknown → Config. Throws Error naming the key, what was expected and what came. `named` is what the file that
   * `namedConfig` tells of holds; undefined where there is none.
   */
  parseConfig(raw: unknown, named?: unknown): Config
  /** Path below the folder of a second config, which need not be there. Names are untrusted: no path may lead out. */
  namedConfig?(raw: unknown): string | undefined
  graphs(config: Config): FamilyGraphs
  /** Absent for text models. */
  imagePreprocessing?(config: Config): ImagePreprocessing
  /** In the order of the channel concat. */
  towers?(config: Config): readonly TowerCard[]
  limits(config: Config): ModelLimits
  /** Checkpoint tensor name prefix → graph initialiser prefix, first match wins. */
  readonly weightNames: readonly (readonly [checkpoint: string, graph: string])[]
  /** Graph name prefixes of tensors that published checkpoints carry and nobody uses. */
  ignoredWeights?(config: Config): readonly string[]
  /** Sub-folders that hold a checkpoint each, joined under `folder.`; absent: the folder itself is one. */
  readonly weightFolders?: readonly string[]
  /** Sub-folder of the tokenizer; absent: the folder itself. */
  readonly textFolder?: string
  /** Tensor that embeds tokens, `[vocab, hidden]`, in checkpoint spelling; absent without a decoder. */
  readonly embeddingName?: string
  /** What looked-up embeddings are multiplied by; absent: 1. Features of pictures are not. */
  embeddingScale?(config: Config): number
  /** Absent: the checkpoint brings its chat template. `has` tells whether the vocabulary has a token. */
  conversation?(config: Config, has: (token: string) => boolean): Conversation
  /** Placeholder of the `number`th picture, from 1, in the rendered prompt; most families have one for all. */
  imageToken?(config: Config, number: number): string
  /**
   * What stands for the `number`th picture instead of its placeholder: texts, and between them equal stretches of its features,
   * so one stretch fewer than texts. Absent: one stretch and no text.
   */
  pictureText?(config: Config, layout: PictureLayout, number: number): readonly string[]
  /** Text whose tokens follow every stretch of features, tokenized by itself. */
  readonly stretchEnd?: string
}

/** Gives a family its type; the config type stays inside the file. */
export function defineFamily<Config>(family: Family<Config>): Family<Config> {
  return family
}
