/**
 * Cases of VILA-U that draw: prompt → states → guided logits of codes → pixels, picture → codes → pixels, the depth
 * transformer and the sampler alone. Every code is chosen from our logits behind the recorded codes before it, so all places
 * are computed at once; where every code is equal, drawing one after the other gives the same.
 */
import { join } from 'node:path'
import { pixelDecoder } from '../../models/blocks/pixel-decoder.ts'
import {
  runDecoderStages,
  runEncoderStages,
  runStages,
  type Stages,
} from '../engine/backends/graph-stages.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import { type CodeSampling, codeProbabilities, drawCode } from './code-sampling.ts'
import type { ComputedTensor } from './compare.ts'
import { embed } from './decoding.ts'
import { readPixels } from './read-picture.ts'
import type { ReferenceCase, ReferenceTensor } from './reference-case.ts'
import { openVilaUCase, type VilaUCase } from './vila-u-case.ts'

interface Run extends CodeSampling {
  readonly name: string
  readonly kind: string
  readonly prompt: string
  readonly cfg: number
  readonly N: number
  readonly mode: 'argmax' | 'icdf'
  readonly steps: number
  readonly files?: readonly string[]
  readonly decoder_latent_shape?: readonly [number, number]
}

type Set = (name: string, shape: readonly number[], values: ArrayLike<number>) => void

/** What the published code fixes. */
const SAMPLING: CodeSampling = { temperature: 1, top_k: 900, top_p: 0.96 }
const INPUT = 'input'

export const vilaUDrawingAdapter: ParityAdapter = {
  name: 'VILA-U, drawing',
  accepts: ({ expected }) => expected['family'] === 'vila-u' && 'decoder_latent_shape' in expected,
  run,
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  const { expected } = reference
  const tensors = new Map<string, ComputedTensor>()
  const leftOut = new Map<string, string>()
  const open = await openVilaUCase(reference, backend)
  await using _checkpoint = open.files.checkpoint
  for (const drawing of expected['runs'] as Run[]) {
    const set: Set = (name, shape, values) =>
      tensors.set(`${drawing.name}.${name}`, { shape, values })
    const leaveOut = (name: string) => leftOut.set(`${drawing.name}.${name}`, INPUT)
    switch (drawing.kind) {
      case 'image':
      case 'video':
        await draw(open, drawing, set)
        leaveOut('uniforms')
        break
      case 'sampler alone':
        sampleAlone(reference, drawing, set)
        for (const name of ['logits', 'uniforms']) leaveOut(name)
        break
      case 'depth transformer, teacher forced':
        await depthAlone(open, drawing, set)
        for (const name of ['body', 'codes']) leaveOut(name)
        break
      default:
        await reconstruct(open, drawing, set)
    }
  }
  return { tensors, leftOut }
}

/** A tensor of the case, which is an input of ours. */
function recorded(reference: ReferenceCase, { name }: Run, tensor: string): ReferenceTensor {
  const found = reference.tensors.get(`${name}.${tensor}`)
  if (!found) throw new Error(`the case has no tensor ${name}.${tensor}`)
  return found
}

async function draw(open: VilaUCase, drawing: Run, set: Set): Promise<void> {
  const { reference, files, backend, config } = open
  const { hiddenSize } = files.limits
  const { depth, codes: codebook, width } = config.quantiser
  const { N: pictures, steps, cfg } = drawing
  const rows = 2 * pictures
  const given = Int32Array.from(recorded(reference, drawing, 'codes').values)

  const embedder = await runStages(files, backend, files.graphs.codeEmbedder!, {
    codes: { data: given, dims: [rows * steps, depth] },
  })
  const feedback = embedder.get('embeddings')!
  set('code_embedding', [rows, steps, width], embedder.get(`code_sum${depth - 1}`)!)
  set('feedback', [rows, steps, hiddenSize], feedback)

  const body = await states(open, drawing, feedback, set)
  set('body_hidden', [rows, steps, hiddenSize], body)

  const known = Int32Array.from(
    { length: rows * steps * (depth - 1) },
    (_, i) => given[Math.floor(i / (depth - 1)) * depth + (i % (depth - 1))]!,
  )
  const stages = await runStages(files, backend, files.graphs.depthTransformer!, {
    body: { data: body, dims: [rows * steps, hiddenSize] },
    codes: { data: known, dims: [rows * steps, depth - 1] },
  })
  const logits = stages.get('logits')!
  // [row, step, depth, code] → what the case has in the order [step, depth, row].
  const at = (row: number, step: number, d: number) => {
    const start = ((row * steps + step) * depth + d) * codebook
    return logits.subarray(start, start + codebook)
  }
  const guided = (picture: number, step: number, d: number) => {
    const [wanted, plain] = [at(picture, step, d), at(pictures + picture, step, d)]
    return Float32Array.from(plain, (logit, i) => logit + cfg * (wanted[i]! - logit))
  }
  const keptSteps = (name: string) =>
    reference.tensors.get(`${drawing.name}.${name}`)?.shape[0] ?? 0
  for (const [name, count, of] of [
    ['raw_logits', rows, at],
    ['guided_logits', pictures, guided],
  ] as const) {
    const shape = [keptSteps(name), depth, count, codebook]
    set(name, shape, inOrder(shape, of))
  }
  chooseCodes(open, drawing, guided, set)
  await decodePixels(open, drawing, given.subarray(0, pictures * steps * depth), set)
}

/** Rows of logits `[steps, depth, rows, codes]`, one after the other. */
function inOrder(
  shape: readonly number[],
  of: (row: number, step: number, depth: number) => Float32Array,
): Float32Array {
  const [steps, depth, rows, codes] = shape as [number, number, number, number]
  const values = new Float32Array(steps * depth * rows * codes)
  let to = 0
  for (let step = 0; step < steps; step++) {
    for (let d = 0; d < depth; d++) {
      for (let row = 0; row < rows; row++, to += codes) values.set(of(row, step, d), to)
    }
  }
  return values
}

/** The decoder's states at every place, of all rows; with the prompts as the published code pads them. */
async function states(
  { reference, backend, files, tokenizer, template }: VilaUCase,
  drawing: Run,
  feedback: Float32Array,
  set: Set,
): Promise<Float32Array> {
  const { hiddenSize } = files.limits
  const { N: pictures, steps } = drawing
  const mark = drawing.kind === 'video' ? '<vi_start>' : '<im_start>'
  const prompts = [drawing.prompt, ''].map((text) => {
    const message = { role: 'user', content: [{ type: 'text' as const, text }] }
    return tokenizer.encodeWhole(`${template.render([message])} ${mark}`)
  })
  const rows = prompts.flatMap((ids) => new Array<Int32Array>(pictures).fill(ids))
  const length = Math.max(...prompts.map((ids) => ids.length))
  const padded = (value: (ids: Int32Array, place: number) => number, padding: number) =>
    rows.flatMap((ids) =>
      Array.from({ length }, (_, i) => {
        const place = i - (length - ids.length)
        return place < 0 ? padding : value(ids, place)
      }),
    )
  const shape = [rows.length, length]
  set(
    'input_ids',
    shape,
    padded((ids, place) => ids[place]!, 0),
  )
  set(
    'attention_mask',
    shape,
    padded(() => 1, 0),
  )
  set(
    'position_ids',
    shape,
    padded((_, place) => place, 1),
  )

  const prefill = new Float32Array(rows.length * length * hiddenSize)
  // States of padding mean nothing: they are taken as recorded, so that the others are compared.
  prefill.set(reference.tensors.get(`${drawing.name}.prefill_hidden`)?.values ?? [])
  const body = new Float32Array(rows.length * steps * hiddenSize)
  for (const [row, ids] of rows.entries()) {
    const read = feedback.subarray(row * steps * hiddenSize, ((row + 1) * steps - 1) * hiddenSize)
    const prompt = [
      { kind: 'tokens', ids },
      { kind: 'embeddings', data: read, rows: steps - 1 },
    ] as const
    const stages = await runDecoderStages(files, backend, await embed(files, prompt))
    const hidden = stages.get('hidden')!
    body.set(hidden.subarray((ids.length - 1) * hiddenSize), row * steps * hiddenSize)
    const start = row * length + length - ids.length
    prefill.set(hidden.subarray(0, ids.length * hiddenSize), start * hiddenSize)
  }
  set('prefill_hidden', [rows.length, length, hiddenSize], prefill)
  return body
}

/** The largest, or drawn by the recorded numbers; the unconditional rows follow the conditional ones. */
function chooseCodes(
  { reference, config }: VilaUCase,
  drawing: Run,
  guided: (picture: number, step: number, depth: number) => Float32Array,
  set: Set,
): void {
  const { N: pictures, steps, mode } = drawing
  const { depth } = config.quantiser
  const uniforms =
    mode === 'icdf' ? recorded(reference, drawing, 'uniforms').values : new Float32Array()
  const codes = new Int32Array(2 * pictures * steps * depth)
  const kept = new Int32Array(steps * depth * pictures)
  for (let step = 0; step < steps; step++) {
    for (let d = 0; d < depth; d++) {
      for (let picture = 0; picture < pictures; picture++) {
        const logits = guided(picture, step, d)
        const place = (step * depth + d) * pictures + picture
        let code = logits.indexOf(Math.max(...logits))
        if (mode === 'icdf') {
          const probabilities = codeProbabilities(logits, drawing)
          kept[place] = probabilities.filter((probability) => probability > 0).length
          code = drawCode(probabilities, uniforms[place]!)
        }
        for (const row of [picture, pictures + picture])
          codes[(row * steps + step) * depth + d] = code
      }
    }
  }
  set('codes', [2 * pictures, steps, depth], codes)
  if (mode === 'icdf') set('kept', [steps, depth, pictures], kept)
}

/** Codes of pictures, or of the frames of videos, one after the other. */
async function decodePixels(
  { files, backend, config }: VilaUCase,
  drawing: Run,
  codes: Int32Array,
  set: Set,
): Promise<void> {
  const latentGrid = drawing.decoder_latent_shape
  const c = config.pixelDecoder
  const graph = latentGrid ? pixelDecoder({ ...c, latentGrid }) : files.graphs.pixelDecoder!
  const [rows, columns] = c.grid
  const pictures = codes.length / (rows * columns * c.quantiser.depth)
  const stages = await runStages(files, backend, graph, {
    codes: { data: codes, dims: [pictures, rows, columns, c.quantiser.depth] },
  })
  const sizes = new Map([['pictures', pictures]])
  const shapes = new Map(
    [...graph.stages, ...graph.outputs].map(({ name, value }) => [
      name,
      value.shape.map((dim) => (typeof dim === 'number' ? dim : sizes.get(dim)!)),
    ]),
  )
  const name = latentGrid ? 'latent' : 'decoder.latent'
  for (const [stage, shape] of shapes) {
    if (stage !== 'pixels')
      set(stage === 'decoder.latent' ? name : stage, shape, stages.get(stage)!)
  }
  const shape = shapes.get('pixels')!
  const decoded = stages.get('pixels')!
  set('decoder.decoded', shape, decoded)
  // −1…1 → 0…255, as the published code hands them out.
  const pixels = decoded.map((colour) => Math.min(255, Math.max(0, (colour + 1) * 127.5)))
  const isVideo = drawing.kind === 'video'
  set('pixels', isVideo ? [drawing.N, pictures / drawing.N, ...shape.slice(1)] : shape, pixels)
}

/** Pictures → codes → pixels. */
async function reconstruct(open: VilaUCase, drawing: Run, set: Set): Promise<void> {
  const { reference, files, backend, config, preprocessing } = open
  const { depth, width } = config.quantiser
  const [rows, columns] = config.pixelDecoder.grid
  // The case's paths are the neighbour's whose checkpoint it shares.
  const folder = join(reference.checkpoint, '..')
  const paths = drawing.files!.map((file) => join(folder, file))
  const pixels = await readPixels(paths, preprocessing)
  const { size } = preprocessing
  set('pixel_values', [paths.length, 3, size, size], pixels)
  const encoded = await runEncoderStages(files, backend, pixels)
  const codes = Int32Array.from(encoded.get('codes')!)
  set('codes', [paths.length, rows, columns, depth], codes)
  set('z', [paths.length, rows, columns, width], encoded.get('quant.z')!)
  const places = rows * columns
  const sums = await runStages(files, backend, files.graphs.codeEmbedder!, {
    codes: { data: codes, dims: [paths.length * places, depth] },
  })
  const shape = [paths.length, places, depth, width]
  set('code_embeddings_cumulative', shape, cumulative(sums, shape))
  await decodePixels(open, drawing, codes, set)
}

function cumulative(sums: Stages, shape: readonly number[]): Float32Array {
  const [pictures, places, depth, width] = shape as [number, number, number, number]
  const values = new Float32Array(pictures * places * depth * width)
  for (let d = 0; d < depth; d++) {
    const sum = sums.get(`code_sum${d}`)!
    for (let row = 0; row < pictures * places; row++)
      values.set(sum.subarray(row * width, (row + 1) * width), (row * depth + d) * width)
  }
  return values
}

function sampleAlone(reference: ReferenceCase, drawing: Run, set: Set): void {
  const { values: logits, shape } = recorded(reference, drawing, 'logits')
  const uniforms = recorded(reference, drawing, 'uniforms').values
  const [rows, width] = shape as [number, number]
  const probabilities = Array.from({ length: rows }, (_, row) =>
    codeProbabilities(logits.subarray(row * width, (row + 1) * width), SAMPLING),
  )
  set(
    'probs',
    shape,
    probabilities.flatMap((row) => [...row]),
  )
  set(
    'ids',
    [rows],
    probabilities.map((row, i) => drawCode(row, uniforms[i]!)),
  )
}

async function depthAlone(
  { reference, files, backend, config }: VilaUCase,
  drawing: Run,
  set: Set,
): Promise<void> {
  const body = recorded(reference, drawing, 'body')
  const codes = recorded(reference, drawing, 'codes')
  const [batch, steps, hidden] = body.shape as [number, number, number]
  const { depth, codes: codebook } = config.quantiser
  const rows = batch * steps
  const known = [...codes.values].filter((_, i) => i % depth < depth - 1)
  const stages = await runStages(files, backend, files.graphs.depthTransformer!, {
    body: { data: Float32Array.from(body.values), dims: [rows, hidden] },
    codes: { data: Int32Array.from(known), dims: [rows, depth - 1] },
  })
  const { layers, width } = config.depthTransformer
  for (let i = 0; i < layers; i++)
    set(`block${i}`, [rows, depth, width], stages.get(`depth.block${i}`)!)
  set('logits', [batch, steps, depth, codebook], stages.get('logits')!)
}
