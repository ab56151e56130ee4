/** One prompt of an Eagle 2 case, computed with our code: text, tiles, features, and what the decoder makes of them. */

import { join } from 'node:path'
import type { ModelConfig } from '../../models/load-config.ts'
import { featureTiles, type ImagePreprocessing } from '../../models/preprocessing.ts'
import type { ChatTemplate } from '../chat/template.ts'
import type { DecoderSession, Segment } from '../engine/backend.ts'
import { runDecoderStages, type Stages } from '../engine/backends/graph-stages.ts'
import type { ModelFiles } from '../engine/backends/model-files.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ComputedTensor } from './compare.ts'
import { type AnswerEnd, embed, greedyAnswer } from './decoding.ts'
import { type Conversation, layOutAll, type TileChanges } from './eagle2-conversation.ts'
import type { Eagle2Encoder } from './eagle2-encoder.ts'
import { readPicture, tilesOf } from './read-picture.ts'
import type { ReferenceCase } from './reference-case.ts'

export interface PromptTools {
  readonly reference: ReferenceCase
  readonly model: ModelConfig
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  readonly encoder: Eagle2Encoder
  readonly files: ModelFiles
  readonly session: DecoderSession
  readonly backend: string
  readonly end: AnswerEnd
}

/** A text, or so many positions of features. */
type PlanPiece = string | { readonly rows: number }

/** One conversation of a batch. */
export interface ComputedRow {
  /** As the template gives it. */
  readonly rendered: string
  readonly plan: readonly PlanPiece[]
  readonly ids: Int32Array
  /** By name; empty where the case records none. */
  readonly decoder: Stages
  readonly embeddings: Float32Array
  readonly greedyIds: Int32Array
  readonly greedyLogits: ComputedTensor
}

export interface ComputedPrompt {
  readonly rows: readonly ComputedRow[]
  /** Of all rows, `[tiles, 3, size, size]`. */
  readonly pixels: ComputedTensor
  readonly encoder: ReadonlyMap<string, ComputedTensor>
  readonly pad: number
  /** Embedding of `pad`. */
  readonly padEmbedding: Float32Array
  readonly vocabSize: number
}

export interface PromptRequest {
  readonly conversations: readonly Conversation[]
  readonly changes: { readonly images: TileChanges; readonly videos: TileChanges }
  readonly greedySteps: number
  /** Whether towers, and whether the decoder, are wanted. */
  readonly isEncoded: boolean
  readonly isRun: boolean
}

const CONTEXT = '<IMG_CONTEXT>'
const PLACEHOLDER = /<(?:image|video)(?:-\d+)?>/
const NOTHING: ComputedTensor = { shape: [0], values: new Float32Array() }

export async function computePrompt(
  tools: PromptTools,
  { conversations, changes, greedySteps, isEncoded, isRun }: PromptRequest,
): Promise<ComputedPrompt> {
  const { files, tokenizer, end } = tools
  const to = tools.model.preprocessing!
  const all = await Promise.all(
    conversations.map((conversation) => prepare(tools, conversation, changes)),
  )
  const pixels = joined(all.map((row) => row.pixels))
  const encoder =
    isEncoded && pixels.length > 0
      ? await tools.encoder.run(pixels)
      : new Map<string, ComputedTensor>()
  const features = (encoder.get('features')?.values ?? new Float32Array()) as Float32Array
  const rows: ComputedRow[] = []
  let used = 0
  for (const { rendered, plan } of all) {
    const { hiddenSize } = files.limits
    const segments: Segment[] = plan.map((piece) => {
      if (typeof piece === 'string') return { kind: 'tokens', ids: tokenizer.encode(piece) }
      const data = features.subarray(used * hiddenSize, (used + piece.rows) * hiddenSize)
      used += piece.rows
      return { kind: 'embeddings', rows: piece.rows, data }
    })
    const ids = idsOf(segments, tokenizer.idOf(CONTEXT)!)
    const embeddings = isRun ? await embed(files, segments) : new Float32Array()
    const decoder: Stages = isRun
      ? await runDecoderStages(files, tools.backend, embeddings)
      : new Map()
    const answer =
      greedySteps > 0
        ? await greedyAnswer(tools.session, segments, greedySteps, end ? { end } : {})
        : { ids: new Int32Array(), logits: NOTHING }
    rows.push({
      ...{ rendered, plan, ids, decoder, embeddings },
      ...{ greedyIds: answer.ids, greedyLogits: answer.logits },
    })
  }
  return {
    rows,
    pixels: { shape: [pixels.length / (3 * to.size ** 2), 3, to.size, to.size], values: pixels },
    encoder,
    pad: end.pad,
    padEmbedding: await embed(files, [{ kind: 'tokens', ids: Int32Array.of(end.pad) }]),
    vocabSize: files.limits.vocabSize,
  }
}

interface PreparedRow {
  readonly rendered: string
  readonly plan: readonly PlanPiece[]
  readonly pixels: Float32Array
}

/** Renders a conversation and cuts its pictures. */
async function prepare(
  { reference, model, template }: PromptTools,
  { messages, media }: Conversation,
  changes: PromptRequest['changes'],
): Promise<PreparedRow> {
  const to: ImagePreprocessing = model.preprocessing!
  const seen = media.flatMap((medium) => medium.seen)
  const pictures = await Promise.all(
    seen.map(({ file }) => readPicture(join(reference.folder, 'inputs', file), to.alpha)),
  )
  const sized = pictures.map((size, i) => ({ size, kind: seen[i]!.kind }))
  const layouts = layOutAll(to, sized, changes)
  const rendered = template.render(messages)
  const between = rendered.split(PLACEHOLDER)
  const plan: PlanPiece[] = []
  let text = between[0]!
  let at = 0
  for (const [i, medium] of media.entries()) {
    const own = layouts.slice(at, at + medium.seen.length)
    at += own.length
    const [first, ...others] = medium.texts(own)
    text += first!
    for (const [frame, next] of others.entries()) {
      plan.push(text, { rows: featureTiles(to, own[frame]!) * model.limits.tokensPerTile })
      text = next
    }
    text += between[i + 1]!
  }
  plan.push(text)
  return { rendered, plan, pixels: tilesOf(pictures, to, (i) => layouts[i]!) }
}

function idsOf(segments: readonly Segment[], context: number): Int32Array {
  return Int32Array.from(
    segments.flatMap((segment) =>
      segment.kind === 'tokens' ? [...segment.ids] : new Array<number>(segment.rows).fill(context),
    ),
  )
}

/** The prompt as the published processor writes it out. */
export function textOf(plan: readonly PlanPiece[]): string {
  return plan
    .map((piece) => (typeof piece === 'string' ? piece : CONTEXT.repeat(piece.rows)))
    .join('')
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
