/**
 * Cases of VILA-1.5: requests with pictures, each stage from the picture's pixels over tower and projector to the merged
 * prompt and the logits of ten greedy steps.
 */
import { join } from 'node:path'
import type { Graph, Value } from '../../models/graph/graph.ts'
import { resolveShape } from '../../models/graph/shape.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import type { Segment } from '../engine/backend.ts'
import { createBackend } from '../engine/backends/create.ts'
import { runDecoderStages, runEncoderStages, type Stages } from '../engine/backends/graph-stages.ts'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { ComputedTensor } from './compare.ts'
import { embed, greedySteps, lastRows, SESSION } from './decoding.ts'
import { readPixels } from './read-picture.ts'
import type { ReferenceCase } from './reference-case.ts'

interface Request {
  readonly id: string
  readonly prompt_text: string
  readonly image_files: readonly string[]
  readonly greedy_ids: readonly number[]
}

export const vilaAdapter: ParityAdapter = {
  name: 'VILA-1.5',
  accepts: ({ expected }) => expected['family'] === 'vila' && expected['generation'] === 'VILA-1.5',
  run,
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  const { checkpoint } = reference
  const tensors = new Map<string, ComputedTensor>()
  const { family, preprocessing, picturePrompt } = await loadModelConfig(checkpoint)
  const tokenizer = await Tokenizer.load(join(checkpoint, family.textFolder ?? ''))
  const files = await openModelFiles(checkpoint)
  await using _checkpoint = files.checkpoint
  const session = await (await createBackend(backend)).loadDecoder(checkpoint, SESSION)
  const { vocabSize, hiddenSize, tokensPerTile } = files.limits
  try {
    for (const request of reference.expected['requests'] as Request[]) {
      const set = (name: string, tensor: ComputedTensor) =>
        tensors.set(`${request.id}.${name}`, tensor)
      let features = new Float32Array()
      if (request.image_files.length > 0) {
        const paths = request.image_files.map((file) => join(reference.folder, 'inputs', file))
        const pixels = await readPixels(paths, preprocessing!)
        const stages = await runEncoderStages(files, backend, pixels)
        addEncoder(set, files.graphs.encoder!, request.image_files.length, stages)
        set(
          'pixel_values',
          shaped(files.graphs.encoder!.inputs[0]!.value, pixels, request.image_files.length),
        )
        features = stages.get('features') as Float32Array<ArrayBuffer>
      }
      const perTile = tokensPerTile * hiddenSize
      // Each piece is a text of its own; only the first one begins with <s>.
      const pieces = request.prompt_text.split(picturePrompt!.placeholder(1))
      const prompt = pieces.flatMap((piece, i): Segment[] => {
        if (i === 0) return [{ kind: 'tokens', ids: tokenizer.encodeWhole(piece) }]
        const text: Segment = { kind: 'tokens', ids: tokenizer.encode(piece) }
        const data = features.subarray((i - 1) * perTile, i * perTile)
        return [{ kind: 'embeddings', rows: tokensPerTile, data }, text]
      })
      const embeddings = await embed(files, prompt)
      const steps = embeddings.length / hiddenSize
      set('inputs_embeds', { shape: [1, steps, hiddenSize], values: embeddings })
      const logits = (await runDecoderStages(files, backend, embeddings)).get('logits')!
      set('prefill_logits', lastRows(logits, vocabSize, steps, [1]))
      set('prefill_logits_last8', lastRows(logits, vocabSize, Math.min(8, steps), [1]))
      set('step_logits', await greedySteps(session, prompt, request.greedy_ids.length))
    }
  } finally {
    await session.dispose()
  }
  return { tensors, leftOut: new Map() }
}

/** Every stage under its own name; what leaves the projector has another in the cases. */
function addEncoder(
  set: (name: string, tensor: ComputedTensor) => void,
  graph: Graph,
  pictures: number,
  stages: Stages,
): void {
  for (const { name, value } of [...graph.stages, ...graph.outputs]) {
    const theirs = name === 'features' ? 'projector_output' : name
    set(theirs, shaped(value, stages.get(name)!, pictures))
  }
}

/** In the value's own shape, of so many pictures. */
function shaped({ shape }: Value, values: Float32Array, pictures: number): ComputedTensor {
  return { shape: resolveShape(shape, new Map([['tiles', pictures]])), values }
}
