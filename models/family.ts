/** What a model family is: a pure function of its config. No I/O, no device, no backend. */
import type { Graph } from './graph/graph.ts'
import type { ImagePreprocessing } from './preprocessing.ts'
import type { PictureLayout, PictureSize } from './tiling/layout.ts'
import type { ScaleMerge } from './tiling/merge-scales.ts'
import type { VideoRule } from './video/rule.ts'
import type { SpeechAlignment } from './whisper/alignment.ts'
import type { SpeechRules } from './whisper/rules.ts'

/** The parts of a model as graphs: an encoder, a decoder, or both. */
export interface FamilyGraphs {
  /**
   * `pixels` [tiles, 3, H, W] → `features` [tiles, tokensPerTile, hidden]: towers, fusion,
   * projector. With `merging`, `features` are the tiles' maps [tiles, grid², channels] before the projector.
   * Absent for text models.
   */
  readonly encoder?: Graph
  /** Where a picture's tiles are brought together before they are projected. */
  readonly merging?: TileMerging
  /**
   * `mel` [windows, bins, frames] → `features` [windows, tokensPerWindow, hidden], of a family that also hears; beside an `encoder`.
   */
  readonly soundEncoder?: Graph
  /**
   * `tokens` [texts, steps], filled up with the tokenizer's padding, and `ends` [texts, 1], the place of each text's last own
   * token, where the graph asks for it → `text` [texts, channels]: of a tower that is published beside one of pictures.
   */
  readonly textEncoder?: Graph
  /**
   * `embeddings` [batch, steps, hidden], `positions` [batch, steps], the KV cache and `wanted`
   * [batch, wanted], the steps that are asked for → `hidden` [batch, wanted, hidden], `logits`
   * [batch, wanted, vocab]. Absent for a tower that is published alone.
   */
  readonly decoder?: Graph
  /** `query` [steps, headDim], `keys` [positions, headDim] → `weights` [steps, positions], of one head of a speech model that can tell when words were said. */
  readonly alignment?: Graph
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

/** A tower that is published alone and serves what it makes of pictures: of any size that it sees well. */
export interface EmbeddingTower {
  /** What may be asked for, the usual one first. */
  readonly outputs: readonly EmbeddingOutput[]
  readonly patchSize: number
  /** Pixels that both sides are a multiple of. */
  readonly step: number
  /** The size that the model is best at. */
  readonly preferred: PictureSize
  /** Longest side in pixels. */
  readonly maxSide: number
  /** How a picture is brought to the one size of a tower that has no other, colours normalised. Absent: sizes of many kinds, colours 0…1. */
  readonly processing?: ImagePreprocessing
  /** Where texts are embedded as well, by the family's `textEncoder`. */
  readonly text?: TextTower
  /** The size that the published code brings a picture of another one to. */
  nearest(picture: PictureSize): PictureSize
  /**
   * Pictures of one size: `pixels` [tiles, 3, height, width] → the wanted `output` alone, [tiles, channels] or
   * [tiles, rows · columns, channels].
   */
  graph(size: PictureSize, output: EmbeddingOutput): Graph
}

/** Texts in the space of one of the outputs of pictures. */
export interface TextTower {
  /** That output, by name. */
  readonly output: string
  readonly vocabSize: number
  /** Tokens of a text, with those that the tokenizer puts around it. */
  readonly maxTokens: number
  /** What is done to a text before it is cut into tokens, as the published tokenizers do in code and not in their files. */
  readonly preparation: 'none' | 'lower-case' | 'canonical'
}

/**
 * A model that writes down what is said: an `encoder` over windows of log-mel, and a `decoder` that sees what the encoder made
 * of one. The graphs' inputs and outputs are those of `models/whisper.ts`.
 */
export interface SpeechModel {
  /** Rows of the log-mel spectrogram. */
  readonly melBins: number
  /** Frames of 10 ms that a window has. */
  readonly windowFrames: number
  readonly hiddenSize: number
  /** Of the decoder. */
  readonly layers: number
  readonly rules: SpeechRules
  /** How times of words are found; undefined: the checkpoint does not say. Its graph is there where this is. */
  readonly alignment: SpeechAlignment | undefined
}

/** How a model that answers hears: sounds are cut into windows of log-mel, and each window takes positions of the prompt. */
export interface HearingModel {
  /** Rows of the log-mel spectrogram. */
  readonly melBins: number
  /** Frames of 10 ms that a window has; the last one is filled up with silence. */
  readonly windowFrames: number
  /** Of one sound. */
  readonly maxWindows: number
  /** Rows of features of a window. */
  readonly tokensPerWindow: number
  /** Frames of a window that one of its tokens stands for; those that are silence behind the end of a sound have none. */
  readonly framesPerToken: number
  /** Placeholder of a sound in the rendered prompt. */
  readonly audioToken: string
}

export interface EmbeddingOutput {
  readonly name: string
  /** Of the graph. */
  readonly output: string
  /** `summary`: one vector a picture. `features`: a map, row-major. */
  readonly kind: 'summary' | 'features'
  readonly channels: number
  /** Cells of the map along a side of a patch; 1 for a summary. */
  readonly upsampling: number
}

/** How the maps of a picture's tiles become blocks, and what each block becomes. */
export interface TileMerging {
  readonly merge: ScaleMerge
  /** `blocks` [blocks, grid², scales · channels] → `features` [blocks, tokensPerTile, hidden]. */
  readonly projector: Graph
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
  /** Positions that one tile, or merged block, takes in the prompt; 0 for text models. */
  readonly tokensPerTile: number
  readonly maxImages: number
}

/** One vision tower, for people who ask what the model saw. */
export interface TowerCard {
  readonly name: string
  /** Side of the square that the tower reads, in pixels. */
  readonly inputSize: number
  /** Stage or output of the encoder's graph that holds what it saw, [..., width]. */
  readonly stage: string
}

/** How a family that keeps its conversations in code, and not in the checkpoint, writes them. */
export interface Conversation {
  /** A file of `models/conversations`, without its ending. */
  readonly template:
    | 'vicuna_v1'
    | 'vila_u'
    | 'llama_3'
    | 'llama3'
    | 'yi_34b_chatml_direct'
    | 'eagle_chat'
    | 'qwen2'
  /** Whether the tokenizer's own beginning of a text, if it has one, comes before what the template writes. */
  readonly addsBos: boolean
  /** Tokens that end an answer, beside the end of a text. */
  readonly stopTokens: readonly string[]
}

/** What else of a model folder decides about a family whose config.json does not say everything. */
export interface FolderFacts {
  /** The JSON files that the family names, parsed; those that the folder lacks are missing. */
  readonly files: ReadonlyMap<string, unknown>
  /** By the checkpoint's names; empty unless the family asks for them. */
  readonly tensorShapes: ReadonlyMap<string, readonly number[]>
}

export const NO_FACTS: FolderFacts = { files: new Map(), tensorShapes: new Map() }

/**
 * The form in which a chat template takes the content of a message. `parts`: a list of texts and pictures, and the template
 * writes the placeholders. `text`: one string, which holds them already. `stripped-text`: the same, without white space
 * around it.
 */
export type MessageContent = 'parts' | 'text' | 'stripped-text'

/** Texts around a stretch of features, each tokenized by itself; empty where there is none. */
export interface StretchTexts {
  readonly before: string
  readonly after: string
}

export interface ExpertCard {
  readonly name: string
  readonly modality: string
  readonly task: string
}

export interface Family<Config> {
  /** `model_type` of the checkpoint's config.json, verbatim; also the file's name. */
  readonly modelType: string
  /** unknown → Config. Throws Error naming the key, what was expected and what came. */
  parseConfig(raw: unknown, facts?: FolderFacts): Config
  /**
   * Paths below the folder of JSON files that `parseConfig` looks at, too, and that need not be there. Names in a config are
   * untrusted: no path may lead out.
   */
  configFiles?(raw: unknown): readonly string[]
  /** Whether `parseConfig` looks at the shapes of the checkpoint's tensors. */
  readonly readsTensorShapes?: boolean
  graphs(config: Config): FamilyGraphs
  /** Absent for text models. */
  imagePreprocessing?(config: Config): ImagePreprocessing
  /** In the order of the channel concat. */
  towers?(config: Config): readonly TowerCard[]
  limits(config: Config): ModelLimits
  /** Of a tower that is published alone; absent for models that answer. */
  embeddingTower?(config: Config): EmbeddingTower
  /** Of a model that writes down speech; absent for all others. */
  speech?(config: Config): SpeechModel
  /** Of a model that hears sounds in a conversation, whose graphs have a `soundEncoder`; absent or undefined for all others. */
  hearing?(config: Config): HearingModel | undefined
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
  /** Absent or undefined: the checkpoint brings its chat template. `has` tells whether the vocabulary has a token. */
  conversation?(config: Config, has: (token: string) => boolean): Conversation | undefined
  /** Absent: `parts`. */
  messageContent?(config: Config): MessageContent
  /** Placeholder of the `number`th picture, from 1, in the rendered prompt; most families have one for all. */
  imageToken?(config: Config, number: number): string
  /**
   * What stands for the `number`th of `pictures` pictures instead of its placeholder: texts, and between them equal stretches of
   * its features, so one stretch fewer than texts. Absent: one stretch and no text.
   */
  pictureText?(
    config: Config,
    layout: PictureLayout,
    number: number,
    pictures: number,
  ): readonly string[]
  /** Absent: no text around a stretch of features. */
  stretchTexts?(config: Config): StretchTexts
  /** How clips are seen; absent for text models, and for towers that are published alone. */
  video?(config: Config): VideoRule
  /** The expert models that its answers may call. `names`: what the model is called here and where it came from. */
  experts?(names: readonly string[]): readonly ExpertCard[]
}

/** Gives a family its type; the config type stays inside the file. */
export function defineFamily<Config>(family: Family<Config>): Family<Config> {
  return family
}
