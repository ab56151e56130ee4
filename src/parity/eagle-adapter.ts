/**
 * Cases of Eagle X4 and X5: every stage of every tower for the first picture, the fused map of the others, and each
 * conversation from its messages to ten greedy tokens.
 */
import { join, parse } from 'node:path'
import type { EagleConfig } from '../../models/eagle_llama.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import type { ChatMessage } from '../chat/contract.ts'
import { loadModelText } from '../chat/model.ts'
import { buildPrompt, type PromptBuilder } from '../chat/prompt.ts'
import type { PromptMedium } from '../chat/prompt-media.ts'
import type { DecoderSession, Segment } from '../engine/backend.ts'
import { createBackend } from '../engine/backends/create.ts'
import { runDecoderStages, runEncoderStages, type Stages } from '../engine/backends/graph-stages.ts'
import { decoderGraph, type ModelFiles, openModelFiles } from '../engine/backends/model-files.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { ComputedTensor } from './compare.ts'
import { embed, greedySteps, SESSION } from './decoding.ts'
import { paddedPix2Struct, towerTensors } from './eagle-towers.ts'
import { readPixels } from './read-picture.ts'
import type { ReferenceCase } from './reference-case.ts'
import { partOf, type WholeTensor } from './subsample.ts'

/** expected.json, as far as it is read. */
interface Expected {
  readonly image_token_id: number
  readonly preprocessing: { readonly images: readonly { readonly file: string }[] }
  readonly prompts: readonly RecordedPrompt[]
  readonly tensors: readonly { readonly name: string; readonly meaning: string }[]
  readonly extra: {
    readonly truncation?: { readonly prompt: string; readonly length: number }
    readonly batch?: { readonly prompts: readonly string[] }
  }
}

interface RecordedPrompt {
  readonly id: string
  readonly messages: readonly {
    readonly role: 'user' | 'assistant'
    readonly content: readonly (
      | { readonly type: 'image'; readonly file: string }
      | { readonly type: 'text'; readonly text: string }
    )[]
  }[]
  readonly greedy_ids: readonly number[]
}

/** Rows [grid², hidden] of each picture, by its file. */
type Features = ReadonlyMap<string, Float32Array>

export const eagleAdapter: ParityAdapter = {
  name: 'Eagle',
  accepts: ({ expected }) => expected['family'] === 'eagle1',
  run,
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  // Checked by `accepts`; the layout is the family's.
  const expected = reference.expected as unknown as Expected
  const { checkpoint } = reference
  const model = await loadModelConfig(checkpoint)
  const files = await openModelFiles(checkpoint)
  await using _checkpoint = files.checkpoint
  const text = await loadModelText(checkpoint, {
    conversationOf: (has) => model.family.conversation?.(model.config, has),
  })
  const session = await (await createBackend(backend)).loadDecoder(checkpoint, SESSION)
  try {
    const config = model.config as EagleConfig
    const seen = await pictureTensors(reference, expected, { files, config, backend })
    const whole = seen.tensors
    const segments = new Map<string, Segment[]>()
    for (const recorded of expected.prompts) {
      const { marked, prompt } = await promptOf(recorded, expected.image_token_id, {
        files,
        builder: {
          ...text,
          picturePrompt: model.picturePrompt,
          messageContent: model.messageContent,
          limits: model.limits,
        },
        features: seen.features,
      })
      segments.set(recorded.id, prompt)
      const set = (name: string, tensor: WholeTensor) => whole.set(`${recorded.id}.${name}`, tensor)
      set('input_ids', { shape: [marked.length], values: marked, rowAxis: 0 })
      await addDecoder(set, files, backend, prompt)
      const steps = await greedySteps(session, prompt, recorded.greedy_ids.length)
      set('greedy_logits', { ...steps, rowAxis: 0 })
      set('greedy_ids', { ...largest(steps), rowAxis: 0 })
    }
    await addExtra(whole, expected, segments, session)
    const tensors = new Map<string, ComputedTensor>()
    for (const { name, meaning } of expected.tensors) {
      const part = partOf(whole, name, meaning)
      if (part) tensors.set(name, part)
    }
    return { tensors, leftOut: new Map() }
  } finally {
    await text.encoder.dispose()
    await session.dispose()
  }
}

/** Pixels, towers and fusion: the first picture alone, and all of them as one batch. */
async function pictureTensors(
  { folder }: ReferenceCase,
  { preprocessing: { images }, tensors: recorded }: Expected,
  { files, config, backend }: { files: ModelFiles; config: EagleConfig; backend: string },
): Promise<{ tensors: Map<string, WholeTensor>; features: Features }> {
  const { size } = config.preprocessing
  const tile = 3 * size * size
  const pixels = await readPixels(
    images.map(({ file }) => join(folder, file)),
    config.preprocessing,
  )
  const first = pixels.subarray(0, tile)
  const alone = await runEncoderStages(files, backend, first)
  const together = images.length === 1 ? alone : await runEncoderStages(files, backend, pixels)
  const tensors = await towerTensors(files, config, alone)
  if (recorded.some(({ name }) => /^pix2struct\.(embeddings|layer\d+|final_norm)/.test(name))) {
    for (const [name, tensor] of await paddedPix2Struct(files, backend, config, first))
      tensors.set(name, tensor)
  }
  const features = new Map<string, Float32Array>()
  for (const [i, { file }] of images.entries()) {
    const { name } = parse(file)
    const values = pixels.subarray(i * tile, (i + 1) * tile)
    tensors.set(`pixels.${name}`, { shape: [3, size, size], values, rowAxis: 1 })
    const fused = share(together, 'fused', i, images.length)
    const shape = [config.grid ** 2, fused.length / config.grid ** 2]
    tensors.set(`fused.${name}`, { shape, values: fused, rowAxis: 0 })
    features.set(file, share(together, 'features', i, images.length))
  }
  return { tensors, features }
}

/** What a stage of a batch holds of one picture. */
function share(stages: Stages, name: string, picture: number, pictures: number): Float32Array {
  const values = stages.get(name)!
  const length = values.length / pictures
  return values.subarray(picture * length, (picture + 1) * length)
}

/** A conversation as a request of the server, up to the sequence that is read. */
async function promptOf(
  { messages }: RecordedPrompt,
  pictureId: number,
  { files, builder, features }: { files: ModelFiles; builder: PromptBuilder; features: Features },
): Promise<{ marked: number[]; prompt: Segment[] }> {
  const pictures: string[] = []
  const conversation = messages.map(({ role, content }): ChatMessage => {
    const parts = content.map((part) => {
      if (part.type === 'text') return { ...part, param: 'messages' }
      pictures.push(part.file)
      return { type: 'image' as const, url: part.file, detail: 'auto' as const, param: 'messages' }
    })
    return { role, name: undefined, content: parts }
  })
  const media = pictures.map((): PromptMedium => {
    return { kind: 'picture', layout: ONE_TILE, tokens: files.limits.tokensPerTile }
  })
  const { pieces } = await buildPrompt(builder, conversation, media)
  const rows = files.limits.tokensPerTile
  return {
    marked: pieces.flatMap((piece) => (piece.kind === 'tokens' ? [...piece.ids] : [pictureId])),
    prompt: pieces.map((piece): Segment => {
      if (piece.kind === 'tokens') return piece
      return { kind: 'embeddings', rows, data: features.get(pictures[piece.medium]!)! }
    }),
  }
}

async function addDecoder(
  set: (name: string, tensor: WholeTensor) => void,
  files: ModelFiles,
  backend: string,
  prompt: readonly Segment[],
): Promise<void> {
  const embeddings = await embed(files, prompt)
  const { hiddenSize, vocabSize } = files.limits
  const rows = embeddings.length / hiddenSize
  const wide = (values: Float32Array) => ({ shape: [rows, hiddenSize], values, rowAxis: 0 })
  set('merged_embeds', wide(embeddings))
  const stages = await runDecoderStages(files, backend, embeddings)
  set('prefill_logits', { shape: [rows, vocabSize], values: stages.get('logits')!, rowAxis: 0 })
  // 0: looked up; N: behind layer N − 1; the last one behind the final norm.
  const layers = decoderGraph(files).stages.filter(({ name }) => /^layers\.\d+$/.test(name)).length
  set('hidden0', wide(embeddings))
  for (let i = 1; i < layers; i++) set(`hidden${i}`, wide(stages.get(`layers.${i - 1}`)!))
  set(`hidden${layers}`, wide(stages.get('hidden')!))
}

/** The largest of each row. */
function largest({ shape, values }: ComputedTensor): ComputedTensor {
  const [rows, width] = shape as [number, number]
  const best = Array.from({ length: rows }, (_, row) => {
    const logits = Array.from({ length: width }, (_, i) => values[row * width + i]!)
    return logits.indexOf(Math.max(...logits))
  })
  return { shape: [rows], values: best }
}

/** A prompt whose end the published code cuts off, and prompts that are read together. */
async function addExtra(
  whole: Map<string, WholeTensor>,
  { extra: { truncation, batch } }: Expected,
  segments: ReadonlyMap<string, Segment[]>,
  session: DecoderSession,
): Promise<void> {
  if (truncation) {
    // What is refused here; only where the cut falls is compared.
    const { shape, values } = whole.get(`${truncation.prompt}.merged_embeds`)!
    const width = shape[1]!
    const kept = Array.from({ length: truncation.length * width }, (_, i) => values[i]!)
    const cut = { shape: [truncation.length, width], values: kept, rowAxis: 0 }
    whole.set('truncated.merged_embeds', cut)
  }
  if (batch) {
    const lengths = batch.prompts.map((id) => whole.get(`${id}.merged_embeds`)!.shape[0]!)
    const longest = Math.max(...lengths)
    const mask = lengths.flatMap((length) =>
      Array.from({ length: longest }, (_, i) => (i < length ? 1 : 0)),
    )
    const shape = [lengths.length, longest]
    whole.set('batch.attention_mask', { shape, values: mask, rowAxis: 0 })
    const rows = batch.prompts.map((id, sequence) => ({
      sequence,
      input: segments.get(id)!,
      want: 'logits' as const,
    }))
    const results = await session.step(rows)
    for (const { sequence } of rows) session.free(sequence)
    const logits = results.flatMap(({ values }) => Array.from(values!))
    const wide = [lengths.length, session.vocabSize]
    whole.set('batch.last_logits', { shape: wide, values: logits, rowAxis: 0 })
  }
}
