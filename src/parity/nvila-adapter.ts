/**
 * Cases of NVILA: requests of texts, pictures and folders of frames, each stage from the pixels over tower, merged scales and
 * projector to the prompt that serving builds and the logits of ten greedy steps; and the tables of grids and frames.
 */
import { join } from 'node:path'
import { loadModelConfig, type ModelConfig } from '../../models/load-config.ts'
import { finestLevel, ONE_TILE } from '../../models/tiling/layout.ts'
import { pooledShape, poolFrames } from '../../models/video/pooling.ts'
import type { VilaConfig } from '../../models/vila/config.ts'
import { videoPieces } from '../../models/vila/media-encoders.ts'
import { VIDEO_TOKEN } from '../../models/vila/video.ts'
import { buildPrompt, type PromptBuilder } from '../chat/prompt.ts'
import type { MediumPiece, PromptMedium } from '../chat/prompt-media.ts'
import { ChatTemplate } from '../chat/template.ts'
import type { Segment } from '../engine/backend.ts'
import { createBackend } from '../engine/backends/create.ts'
import { type ModelFiles, openModelFiles } from '../engine/backends/model-files.ts'
import { encoderHere } from '../tokenizer/encoder-here.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import { type CasePicture, joinFloats, loadCasePicture } from './case-pictures.ts'
import type { ComputedTensor, Fact } from './compare.ts'
import { embed, SESSION } from './decoding.ts'
import { decodeMerged } from './merged-sequence.ts'
import {
  conversationOf,
  type Medium,
  type NvilaRequest,
  readVideoNote,
  type VideoSettings,
} from './nvila-request.ts'
import { tableFacts } from './nvila-tables.ts'
import { encodeRecorded } from './recorded-encoder.ts'
import type { ReferenceCase } from './reference-case.ts'

export const nvilaAdapter: ParityAdapter = {
  name: 'NVILA',
  accepts: ({ expected }) => expected['family'] === 'vila' && expected['generation'] === 'NVILA',
  run,
}

interface TokenizationRow {
  readonly text: string
  readonly ids: readonly number[]
}

/** The published code adds media tokens to the tokenizer; to ours they are where a text is cut. */
function tokenizationFacts(tokenizer: Tokenizer, { expected }: ReferenceCase): Fact[] {
  const special = new Map(Object.entries(expected['special_ids'] as Record<string, number>))
  const rows = (expected['tokenization'] as readonly TokenizationRow[] | undefined) ?? []
  return rows.map(({ text, ids }, i) => {
    const pieces = text.split(/(<image>|<vila\/video>|<vila\/sentinel>)/)
    const ours = pieces.flatMap((piece, n) =>
      n % 2 === 1 ? [special.get(piece)!] : [...tokenizer.encode(piece)],
    )
    return { name: `tokenization.${i}`, ours, theirs: ids }
  })
}

/** Everything that a request is run with. */
interface Model {
  readonly reference: ReferenceCase
  readonly backend: string
  readonly loaded: ModelConfig
  readonly files: ModelFiles
  readonly tokenizer: Tokenizer
  readonly builder: Omit<PromptBuilder, 'picturePrompt'>
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  const { checkpoint } = reference
  const loaded = await loadModelConfig(checkpoint)
  const folder = join(checkpoint, loaded.family.textFolder ?? '')
  const tokenizer = await Tokenizer.load(folder)
  const encoder = encoderHere(tokenizer)
  const conversation = loaded.family.conversation?.(
    loaded.config,
    (token) => tokenizer.idOf(token) !== undefined,
  )
  const template = conversation
    ? await ChatTemplate.ofFamily(conversation.template, tokenizer)
    : await ChatTemplate.load(folder, tokenizer)
  const files = await openModelFiles(checkpoint)
  await using _checkpoint = files.checkpoint
  const session = await (await createBackend(backend)).loadDecoder(checkpoint, SESSION)
  const builder = {
    tokenizer,
    encoder,
    template,
    firstIds: new Int32Array(),
    messageContent: loaded.messageContent,
    limits: loaded.limits,
  }
  const model = { reference, backend, loaded, files, tokenizer, builder }
  const tensors = new Map<string, ComputedTensor>()
  const facts = [...tableFacts(loaded, reference), ...tokenizationFacts(tokenizer, reference)]
  try {
    for (const request of reference.expected['requests'] as NvilaRequest[]) {
      const { id, greedy_ids } = request
      const merged = await mergeRequest(model, request)
      const decoded = await decodeMerged({ files, backend, session }, merged.prompt, greedy_ids)
      for (const [name, tensor] of [...merged.tensors, ...decoded.tensors])
        tensors.set(`${id}.${name}`, tensor)
      for (const fact of [...merged.facts, decoded.greedyIds])
        facts.push({ ...fact, name: `${id}.${fact.name}` })
    }
  } finally {
    await session.dispose()
    await encoder.dispose()
  }
  return { tensors, leftOut: new Map(), facts }
}

interface MergedRequest {
  readonly prompt: readonly Segment[]
  readonly tensors: ReadonlyMap<string, ComputedTensor>
  readonly facts: readonly Fact[]
}

/** From the parts of a request to the sequence that the decoder reads. */
async function mergeRequest(model: Model, request: NvilaRequest): Promise<MergedRequest> {
  const { reference, loaded, files } = model
  const settings = readVideoNote(request.video_note, (loaded.config as VilaConfig).video)
  const { messages, media } = await conversationOf(reference, request, settings)
  const pictures = await loadMedia(model, media)
  const { tensors, features } = await encodeMedia(model, request.id, pictures)
  const layouts = pictures.map(([first, ...others]) => (others.length ? ONE_TILE : first!.layout))
  const shown = features.map((own, i): PromptMedium => {
    const tokens = own[0]!.length / files.limits.hiddenSize
    return { kind: 'picture', layout: layouts[i]!, tokens }
  })
  const prompt = await buildPrompt(promptBuilder(model, media), messages, shown)
  const special = reference.expected['special_ids'] as Record<string, number>
  const ids: number[] = []
  const segments: Segment[] = []
  const counts = { image: 0, video: 0 }
  for (const piece of prompt.pieces) {
    if (piece.kind === 'tokens') {
      segments.push(piece)
      ids.push(...piece.ids)
      continue
    }
    const { kind } = media[piece.medium]!
    const own = features[piece.medium]!
    const embedded =
      kind === 'video' ? videoSegments(model, own, settings) : imageSegments(model, own[0]!, piece)
    segments.push(...embedded)
    ids.push(special[kind === 'video' ? VIDEO_TOKEN : '<image>']!)
    const values = await embed(files, embedded)
    const { hiddenSize } = files.limits
    const shape = [values.length / hiddenSize, hiddenSize]
    tensors.set(`${kind}${counts[kind]++}_embeddings`, { shape, values })
  }
  const facts: Fact[] = [
    { name: 'rendered_text', ours: prompt.text, theirs: request.rendered_text },
    { name: 'input_ids', ours: ids, theirs: request.input_ids },
  ]
  if (request.block_sizes_rows_cols) {
    const ours = layouts.map(finestLevel).map(({ rows, columns }) => [rows, columns])
    facts.push({ name: 'block_sizes', ours, theirs: request.block_sizes_rows_cols })
  }
  return { prompt: segments.filter(isNotEmpty), tensors, facts }
}

function isNotEmpty(segment: Segment): boolean {
  return segment.kind === 'embeddings' || segment.ids.length > 0
}

/** Serving's, but for what stands around features, which is added where the kind of medium is known. */
function promptBuilder({ loaded, builder }: Model, media: readonly Medium[]): PromptBuilder {
  const own = loaded.picturePrompt!
  const images = media.filter(({ kind }) => kind === 'image').length
  const isVideo = (number: number) => media[number - 1]?.kind === 'video'
  return {
    ...builder,
    picturePrompt: {
      placeholder: (number) => (isVideo(number) ? VIDEO_TOKEN : own.placeholder(number)),
      texts: (layout, number) => (isVideo(number) ? ['', ''] : own.texts(layout, number, images)),
      stretchTexts: { before: '', after: '' },
    },
  }
}

/** The pictures of each medium; frames of a video are never cut into tiles. */
async function loadMedia(
  { reference, loaded }: Model,
  media: readonly Medium[],
): Promise<CasePicture[][]> {
  const images = media.filter(({ kind }) => kind === 'image').length
  return await Promise.all(
    media.map(({ kind, files }) => {
      const isAlone = kind === 'image' && images === 1
      return Promise.all(
        files.map((file) => loadCasePicture(reference, file, loaded.preprocessing!, isAlone)),
      )
    }),
  )
}

/** Stages of all media together, and the features of each picture of each. */
async function encodeMedia(
  { reference, backend, files, loaded }: Model,
  id: string,
  media: readonly (readonly CasePicture[])[],
): Promise<{ tensors: Map<string, ComputedTensor>; features: Float32Array[][] }> {
  const tensors = new Map<string, ComputedTensor>()
  const pictures = media.flat()
  if (pictures.length === 0) return { tensors, features: [] }
  const { size } = loaded.preprocessing!
  const tile = 3 * size ** 2
  const pixels = joinFloats(pictures.map((picture) => picture.pixels))
  const shape = [pixels.length / tile, 3, size, size]
  tensors.set('pixel_values', { shape, values: pixels })
  const [first] = reference.tensors.get(`${id}.pixel_values_first`)?.shape ?? []
  if (first !== undefined) {
    const values = pixels.subarray(0, first * tile)
    tensors.set('pixel_values_first', { shape: [first, 3, size, size], values })
  }
  const { stages, features } = await encodeRecorded(files, backend, pictures)
  for (const [name, stage] of stages)
    tensors.set(name === 'features' ? 'projector_output' : name, stage)
  let next = 0
  return {
    tensors,
    features: media.map((own) => own.map(() => features[next++]!)),
  }
}

/** A stretch of a picture's features with the tokens around it. */
function imageSegments(
  { tokenizer, files, loaded }: Model,
  features: Float32Array,
  { firstRow, rows }: MediumPiece,
): Segment[] {
  const { before, after } = loaded.picturePrompt!.stretchTexts
  const { hiddenSize } = files.limits
  const data = features.subarray(firstRow * hiddenSize, (firstRow + rows) * hiddenSize)
  return [
    { kind: 'tokens', ids: tokenizer.encode(before) },
    { kind: 'embeddings', rows, data },
    { kind: 'tokens', ids: tokenizer.encode(after) },
  ]
}

/** Pooled frames with the tokens around them. */
function videoSegments(
  { tokenizer, files }: Model,
  frames: readonly Float32Array[],
  { encoder }: VideoSettings,
): Segment[] {
  const { hiddenSize, tokensPerTile } = files.limits
  const side = Math.sqrt(tokensPerTile)
  const all = joinFloats(frames)
  const pools = encoder.pools.map((size) => {
    const { rows, columns } = pooledShape(frames.length, side, size)
    return { values: poolFrames(all, side, hiddenSize, size), rows: rows * columns }
  })
  return videoPieces(encoder, frames.length, side).map((piece): Segment => {
    if (piece.kind === 'text') return { kind: 'tokens', ids: tokenizer.encode(piece.text) }
    const { values, rows } = pools[piece.pool]!
    const size = rows * hiddenSize
    const data = values.subarray(piece.frame * size, (piece.frame + 1) * size)
    return { kind: 'embeddings', rows, data }
  })
}
