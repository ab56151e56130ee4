/**
 * Cases of text decoders: prompts with their ids, logits of the prompt and of ten greedy steps, and for the long
 * prompt the residual stream, the first layer's parts and the tables of rotary embedding.
 */
import type { Graph } from '../../models/graph/graph.ts'
import type { KvAttentionAttributes, RopeAttributes } from '../../models/graph/ops.ts'
import type { DecoderSession } from '../engine/backend.ts'
import { createBackend } from '../engine/backends/create.ts'
import { runDecoderStages } from '../engine/backends/decoder-stages.ts'
import { type ModelFiles, openModelFiles } from '../engine/backends/model-files.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { ComputedTensor } from './compare.ts'
import type { ReferenceCase } from './reference-case.ts'

interface Prompt {
  readonly name: string
  readonly text: string
  readonly ids: readonly number[]
  readonly greedy: readonly number[]
  /** Of a conversation, whose text the chat template makes; its special tokens are in the text. */
  readonly messages?: unknown
}

const SESSION = { threads: 1, kvCacheBytes: 64 << 20, kvBlockSize: 16 }

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
    for (const [sequence, prompt] of prompts.entries()) {
      const { name } = prompt
      const ids = tokenizer.encodeWhole(prompt.text)
      tensors.set(`${name}.ids`, { shape: [ids.length], values: ids })
      const stages = await runDecoderStages(files, backend, ids)
      const rows = reference.tensors.get(`${name}.prefill_logits`)?.shape[0] ?? ids.length
      tensors.set(`${name}.prefill_logits`, lastRows(stages.get('logits')!, rows))
      tensors.set(
        `${name}.step_logits`,
        await greedySteps(session, sequence, ids, prompt.greedy.length),
      )
      addStages(tensors, name, stages, files)
      addRope(tensors, name, ids.length, files.graphs.decoder)
    }
  } finally {
    await session.dispose()
  }
  return { tensors, leftOut: new Map() }
}

/** Logits of each greedy step, read with a cache. */
async function greedySteps(
  session: DecoderSession,
  sequence: number,
  prompt: Int32Array,
  steps: number,
): Promise<ComputedTensor> {
  const values = new Float32Array(steps * session.vocabSize)
  let ids = prompt
  for (let step = 0; step < steps; step++) {
    const input = [{ kind: 'tokens', ids } as const]
    const [result] = await session.step([{ sequence, input, want: 'logits' }])
    const logits = result!.values!
    values.set(logits, step * session.vocabSize)
    ids = Int32Array.of(logits.indexOf(Math.max(...logits)))
  }
  session.free(sequence)
  return { shape: [steps, session.vocabSize], values }
}

/** hidden0: looked up; hiddenN: behind layer N − 1; the last one behind the final norm. */
function addStages(
  tensors: Map<string, ComputedTensor>,
  prompt: string,
  stages: ReadonlyMap<string, ComputedTensor>,
  { graphs }: ModelFiles,
): void {
  const layers = graphs.decoder.stages.filter(({ name }) => /^layers\.\d+$/.test(name)).length
  const hidden = [
    'embeddings',
    ...Array.from({ length: layers - 1 }, (_, layer) => `layers.${layer}`),
    'hidden',
  ]
  for (const [i, stage] of hidden.entries()) tensors.set(`${prompt}.hidden${i}`, stages.get(stage)!)
  tensors.set(`${prompt}.layer0_attn`, stages.get('layers.0.attention')!)
  tensors.set(`${prompt}.layer0_mlp`, stages.get('layers.0.mlp')!)
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

/** The last rows of a matrix. */
function lastRows({ shape, values }: ComputedTensor, rows: number): ComputedTensor {
  const [all, width] = shape as [number, number]
  return { shape: [rows, width], values: (values as Float32Array).subarray((all - rows) * width) }
}
