/**
 * Cases of text decoders: prompts with their ids, logits of the prompt and of ten greedy steps, and for the long
 * prompt the residual stream, the first layer's parts and the tables of rotary embedding.
 */
import type { Graph } from '../../models/graph/graph.ts'
import type { KvAttentionAttributes, RopeAttributes } from '../../models/graph/ops.ts'
import { createBackend } from '../engine/backends/create.ts'
import { runDecoderStages, type Stages } from '../engine/backends/graph-stages.ts'
import { decoderGraph, type ModelFiles, openModelFiles } from '../engine/backends/model-files.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { ComputedTensor } from './compare.ts'
import { embed, greedySteps, lastRows, SESSION } from './decoding.ts'
import type { ReferenceCase } from './reference-case.ts'

interface Prompt {
  readonly name: string
  readonly text: string
  readonly greedy: readonly number[]
}

export const textDecoderAdapter: ParityAdapter = {
  name: 'text decoder',
  accepts: ({ expected, tensors }) =>
    Array.isArray(expected['prompts']) &&
    [...tensors.keys()].some((name) => name.endsWith('.step_logits')),
  run,
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  const prompts = reference.expected['prompts'] as Prompt[]
  const tensors = new Map<string, ComputedTensor>()
  const tokenizer = await Tokenizer.load(reference.checkpoint)
  const files = await openModelFiles(reference.checkpoint)
  await using _checkpoint = files.checkpoint
  const session = await (await createBackend(backend)).loadDecoder(reference.checkpoint, SESSION)
  try {
    for (const { name, text, greedy } of prompts) {
      const ids = tokenizer.encodeWhole(text)
      const prompt = [{ kind: 'tokens', ids } as const]
      const embeddings = await embed(files, prompt)
      const stages = await runDecoderStages(files, backend, embeddings)
      stages.set('embeddings', embeddings)
      const rows = reference.tensors.get(`${name}.prefill_logits`)?.shape[0] ?? ids.length
      const { vocabSize } = files.limits
      tensors.set(`${name}.ids`, { shape: [ids.length], values: ids })
      tensors.set(`${name}.prefill_logits`, lastRows(stages.get('logits')!, vocabSize, rows))
      tensors.set(`${name}.step_logits`, await greedySteps(session, prompt, greedy.length))
      addStages(tensors, name, stages, files)
      addRope(tensors, name, ids.length, decoderGraph(files))
    }
  } finally {
    await session.dispose()
  }
  return { tensors, leftOut: new Map() }
}

/** hidden0: looked up; hiddenN: behind layer N − 1; the last one behind the final norm. */
function addStages(
  tensors: Map<string, ComputedTensor>,
  prompt: string,
  stages: Stages,
  files: ModelFiles,
): void {
  const { hiddenSize } = files.limits
  const layers = decoderGraph(files).stages.filter(({ name }) => /^layers\.\d+$/.test(name)).length
  const names = new Map([
    ['hidden0', 'embeddings'],
    ...Array.from(
      { length: layers - 1 },
      (_, layer) => [`hidden${layer + 1}`, `layers.${layer}`] as const,
    ),
    [`hidden${layers}`, 'hidden'],
    ['layer0_attn', 'layers.0.attention'],
    ['layer0_mlp', 'layers.0.mlp'],
  ])
  for (const [theirs, ours] of names) {
    const values = stages.get(ours)!
    tensors.set(`${prompt}.${theirs}`, lastRows(values, hiddenSize, values.length / hiddenSize))
  }
}

/** Cosines and sines as the published code lays them out, each twice; by kind of layer where there are two. */
function addRope(
  tensors: Map<string, ComputedTensor>,
  prompt: string,
  length: number,
  graph: Graph,
): void {
  for (const { kind, rope } of ropesOf(graph)) {
    const { inverseFrequencies, magnitude } = rope
    const width = inverseFrequencies.length * 2
    const table = (of: (angle: number) => number) =>
      Float32Array.from({ length: length * width }, (_, i) => {
        const position = Math.floor(i / width)
        return magnitude * of(position * inverseFrequencies[i % inverseFrequencies.length]!)
      })
    for (const suffix of ['', `.${kind}`]) {
      tensors.set(`${prompt}.rope_cos${suffix}`, {
        shape: [length, width],
        values: table(Math.cos),
      })
      tensors.set(`${prompt}.rope_sin${suffix}`, {
        shape: [length, width],
        values: table(Math.sin),
      })
    }
  }
}

function ropesOf(graph: Graph): { kind: string; rope: RopeAttributes }[] {
  const found = new Map<string, RopeAttributes>()
  let last: RopeAttributes | undefined
  for (const node of graph.nodes) {
    if (node.op === 'rope') last = node.attributes
    if (node.op !== 'kvAttention' || !last) continue
    const { window }: KvAttentionAttributes = node.attributes
    found.set(window === undefined ? 'full_attention' : 'sliding_attention', last)
  }
  return [...found].map(([kind, rope]) => ({ kind, rope }))
}
