/**
 * Cases of VILA-U that understand: conversations with pictures and videos, each stage from the pixels over the tower and its
 * codes to the merged prompt and the logits of every step.
 */
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { roundHalfToEven } from '../../models/blocks/round.ts'
import type { TemplatePart } from '../chat/template.ts'
import type { DecoderSession, Segment } from '../engine/backend.ts'
import { createBackend } from '../engine/backends/create.ts'
import { runDecoderStages, runEncoderStages, type Stages } from '../engine/backends/graph-stages.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { ComputedTensor } from './compare.ts'
import { embed, greedyAnswer, lastRows, SESSION } from './decoding.ts'
import { readPixels } from './read-picture.ts'
import type { ReferenceCase } from './reference-case.ts'
import { openVilaUCase, type VilaUCase } from './vila-u-case.ts'

type Part =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly image: string }
  | { readonly type: 'video'; readonly video: string }

interface Message {
  readonly role: string
  readonly content: string | readonly Part[]
}

interface Run {
  readonly name: string
  readonly messages: readonly Message[]
  /** Of a run that draws its answer. */
  readonly ids?: readonly number[]
  readonly temperature?: number
  readonly top_k?: number
  readonly top_p?: number
}

interface OpenCase extends VilaUCase {
  readonly session: DecoderSession
}

export const vilaUAdapter: ParityAdapter = {
  name: 'VILA-U, understanding',
  accepts: ({ expected }) => expected['family'] === 'vila-u' && 'preprocess' in expected,
  run,
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  const { checkpoint, expected, folder } = reference
  const tensors = new Map<string, ComputedTensor>()
  const leftOut = new Map<string, string>()
  const opened = await openVilaUCase(reference, backend)
  await using _checkpoint = opened.files.checkpoint
  const session = await (await createBackend(backend)).loadDecoder(checkpoint, SESSION)
  const open: OpenCase = { ...opened, session }
  try {
    for (const { file } of expected['preprocess'] as { file: string }[]) {
      const { size } = open.preprocessing
      const values = await readPixels([join(folder, file)], open.preprocessing)
      tensors.set(`preprocess.${basename(file).replace(/\.[^.]+$/, '')}`, {
        shape: [3, size, size],
        values,
      })
    }
    for (const conversation of expected['runs'] as Run[]) {
      const set = (name: string, tensor: ComputedTensor) =>
        tensors.set(`${conversation.name}.${name}`, tensor)
      await addRun(open, conversation, set)
      if (conversation.ids) leftOut.set(`${conversation.name}.uniforms`, 'input')
    }
  } finally {
    await session.dispose()
  }
  return { tensors, leftOut }
}

type Set = (name: string, tensor: ComputedTensor) => void

async function addRun(open: OpenCase, conversation: Run, set: Set): Promise<void> {
  const { backend, files, session, tokenizer, reference } = open
  const { vocabSize, hiddenSize, tokensPerTile } = files.limits
  const pictures = await picturesOf(open, conversation)
  let features = new Float32Array()
  if (pictures.length > 0) {
    const pixels = await readPixels(pictures, open.preprocessing)
    const stages = await runEncoderStages(files, backend, pixels)
    addEncoder(open, set, stages, { pixels, pictures: pictures.length })
    features = stages.get('features') as Float32Array<ArrayBuffer>
  }
  // Each piece is a text of its own; only the first one begins with <s>.
  const perPicture = tokensPerTile * hiddenSize
  const pieces = render(open, conversation, pictures.length).split('<image>')
  const prompt = pieces.flatMap((piece, i): Segment[] => {
    if (i === 0) return [{ kind: 'tokens', ids: tokenizer.encodeWhole(piece) }]
    const data = features.subarray((i - 1) * perPicture, i * perPicture)
    const text: Segment = { kind: 'tokens', ids: tokenizer.encode(piece) }
    return [{ kind: 'embeddings', rows: tokensPerTile, data }, text]
  })
  const recorded = (name: string) => reference.tensors.get(`${conversation.name}.${name}`)
  const embeddings = await embed(files, prompt)
  set('inputs_embeds', {
    shape: [1, embeddings.length / hiddenSize, hiddenSize],
    values: embeddings,
  })
  const stages = await runDecoderStages(files, backend, embeddings)
  for (const [name, stage, width] of [
    ['prefill_hidden', 'hidden', hiddenSize],
    ['prefill_logits', 'logits', vocabSize],
  ] as const) {
    // Some runs keep the last position alone.
    const rows = recorded(name)?.shape[1] ?? 0
    if (rows > 0) set(name, lastRows(stages.get(stage)!, width, rows, [1]))
  }
  const steps = recorded('step_logits')?.shape[0] ?? 0
  const logits = (await greedyAnswer(session, prompt, steps, { chosen: conversation.ids })).logits
  set('step_logits', logits)
  if (conversation.ids) set('probs', probabilities(logits.values, vocabSize, conversation))
}

function partsOf({ content }: Message): readonly Part[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content
}

/** Paths of the pictures in order; a video is so many of its frames. */
async function picturesOf(
  { reference: { folder }, config }: OpenCase,
  { messages }: Run,
): Promise<string[]> {
  const paths: string[] = []
  for (const part of messages.flatMap(partsOf)) {
    if (part.type === 'text') continue
    if (part.type === 'image') paths.push(join(folder, part.image))
    else {
      const video = join(folder, part.video)
      const frames = (await readdir(video)).sort()
      const step = (frames.length - 1) / Math.max(1, config.videoFrames - 1)
      for (let i = 0; i < config.videoFrames; i++)
        paths.push(join(video, frames[roundHalfToEven(i * step)]!))
    }
  }
  return paths
}

function render({ template, config }: OpenCase, { messages }: Run, pictures: number): string {
  const toTemplate = (part: Part): TemplatePart[] => {
    if (part.type === 'text') return [part]
    const count = part.type === 'video' ? config.videoFrames : 1
    return Array.from({ length: count }, () => ({ type: 'image' as const }))
  }
  const rendered = template.render(
    messages.map((message) => ({
      role: message.role,
      content: partsOf(message).flatMap(toTemplate),
    })),
  )
  const placeholders = rendered.split('<image>').length - 1
  if (placeholders !== pictures)
    throw new Error(`${placeholders} placeholders were rendered for ${pictures} pictures`)
  return rendered
}

/** The tower's stages under the case's names; what it says of each depth is put together. */
function addEncoder(
  { config, files, preprocessing: { size } }: OpenCase,
  set: Set,
  stages: Stages,
  { pixels, pictures }: { readonly pixels: Float32Array; readonly pictures: number },
): void {
  const { depth, width, codes } = config.quantiser
  const places = files.limits.tokensPerTile
  const grid = Math.sqrt(places)
  const of = (name: string) => stages.get(name)!
  set('pixel_values', { shape: [pictures, 3, size, size], values: pixels })
  for (const [name, values] of stages) {
    if (/^tower\./.test(name)) set(name, { shape: [pictures, places, width], values })
  }
  const map = (last: readonly number[]) => [pictures, grid, grid, ...last]
  set('quant.z', { shape: map([width]), values: of('quant.z') })
  set('quant.codes', { shape: map([depth]), values: of('codes') })
  const rows = pictures * places
  const residuals = new Float32Array(rows * depth * width)
  const smallest = new Float32Array(rows * depth)
  const margins = new Float32Array(rows * depth)
  for (let d = 0; d < depth; d++) {
    const [residual, distances] = [of(`quant.residual${d}`), of(`quant.distances${d}`)]
    for (let row = 0; row < rows; row++) {
      const at = row * depth + d
      residuals.set(residual.subarray(row * width, (row + 1) * width), at * width)
      const sorted = distances.slice(row * codes, (row + 1) * codes).sort()
      smallest[at] = sorted[0]!
      margins[at] = sorted[1]! - sorted[0]!
    }
  }
  set('quant.residuals', { shape: map([depth, width]), values: residuals })
  set('quant.min_distance', { shape: map([depth]), values: smallest })
  set('quant.margin', { shape: map([depth]), values: margins })
  const { hiddenSize } = files.limits
  set('projector', { shape: [pictures, places, hiddenSize], values: of('features') })
}

/** As transformers shapes them: temperature, the top k and those equal to the last of them, then the top p. */
function probabilities(
  logits: Float32Array,
  vocabSize: number,
  { temperature = 1, top_k: topK = 0, top_p: topP = 1 }: Run,
): ComputedTensor {
  const values = new Float64Array(logits.length)
  for (let start = 0; start < logits.length; start += vocabSize) {
    const row = Float64Array.from(
      logits.subarray(start, start + vocabSize),
      (logit) => logit / temperature,
    )
    const last = topK > 0 ? row.toSorted()[Math.max(0, vocabSize - topK)]! : -Infinity
    const largest = Math.max(...row)
    const weights = row.map((logit) => (logit < last ? 0 : Math.exp(logit - largest)))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    // From the least probable on, what sums up to no more than 1 − p goes.
    const order = [...weights.keys()].sort((a, b) => weights[a]! - weights[b]!)
    let below = 0
    let kept = 0
    for (const [place, id] of order.entries()) {
      below += weights[id]! / total
      const isKept = below > 1 - topP || place === vocabSize - 1
      values[start + id] = isKept ? weights[id]! : 0
      kept += values[start + id]!
    }
    for (let id = 0; id < vocabSize; id++) values[start + id]! /= kept
  }
  return { shape: [logits.length / vocabSize, vocabSize], values }
}
