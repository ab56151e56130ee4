/**
 * A small decoder whose layers run attention and a selective scan beside each other, as Hymba's do, with random weights. No
 * family of that kind is here yet; what backends do of its operations is.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GraphBuilder } from '../../models/graph/builder.ts'
import type { Graph, Value } from '../../models/graph/graph.ts'
import type { ModelFiles } from '../../src/engine/backends/model-files.ts'
import { Checkpoint } from '../../src/weights/checkpoint.ts'
import { type TensorToWrite, writeSafetensors } from './safetensors-file.ts'
import { seededRandom } from './seeded-random.ts'

export const HYBRID_VOCAB = 40
const HIDDEN = 24
/** Neither a multiple of any vector's width nor of a task's channels. */
const CHANNELS = 70
const STATE = 5
const KERNEL = 4
const LAYERS = 2
const [HEADS, KV_HEADS, HEAD_DIM] = [4, 2, 6]
const EPSILON = 1e-6

/** With `recurrences: false` the layers are of attention alone. */
export interface HybridOptions {
  readonly recurrences?: boolean
}

export function hybridGraph({ recurrences = true }: HybridOptions = {}): Graph {
  const g = new GraphBuilder('hybrid')
  let x: Value = g.input('embeddings', ['batch', 'steps', HIDDEN])
  const positions = g.input('positions', ['batch', 'steps'], 'int32')
  const wanted = g.input('wanted', ['batch', 'wanted'], 'int32')
  for (let layer = 0; layer < LAYERS; layer++) {
    const name = (part: string) => `layers.${layer}.${part}`
    const linear = (from: Value, part: string, out: number, width: number) =>
      g.linear(from, g.weight(name(part), [out, width]))
    const u = g.rmsNorm(x, g.weight(name('norm'), [HIDDEN]), EPSILON)
    const attended = g.kvAttention(
      linear(u, 'q', HEADS * HEAD_DIM, HIDDEN),
      linear(u, 'k', KV_HEADS * HEAD_DIM, HIDDEN),
      linear(u, 'v', KV_HEADS * HEAD_DIM, HIDDEN),
      positions,
      {
        ...{ layer, heads: HEADS, kvHeads: KV_HEADS, headDim: HEAD_DIM, scale: HEAD_DIM ** -0.5 },
        ...(layer === 1 && { window: 9, softCap: 3 }),
      },
      g.weight(name('sinks'), [HEADS]),
    )
    const mixed = recurrences
      ? g.add(attended, linear(scanned(g, u, layer), 'mix', HIDDEN, CHANNELS))
      : attended
    x = g.add(x, linear(mixed, 'out', HIDDEN, HIDDEN))
  }
  const last = g.gather(x, wanted, { batchDims: 1 })
  const hidden = g.rmsNorm(last, g.weight('norm', [HIDDEN]), EPSILON)
  g.output('hidden', hidden)
  g.output('logits', g.linear(hidden, g.weight('embed', [HYBRID_VOCAB, HIDDEN])))
  return g.build()
}

/** u [batch, steps, HIDDEN] → [batch, steps, CHANNELS]: the branch beside attention. */
function scanned(g: GraphBuilder, u: Value, layer: number): Value {
  const name = (part: string) => `layers.${layer}.${part}`
  const linear = (from: Value, part: string, out: number, width: number) =>
    g.linear(from, g.weight(name(part), [out, width]))
  const m = g.causalConv1d(
    linear(u, 'm', CHANNELS, HIDDEN),
    // As checkpoints have it: [channels, 1, kernel].
    g.transpose(
      g.reshape(g.weight(name('conv1d'), [CHANNELS, 1, KERNEL]), [CHANNELS, KERNEL]),
      [1, 0],
    ),
    g.weight(name('conv1d.bias'), [CHANNELS]),
    { recurrence: 2 * layer, activation: 'silu' },
  )
  const decay = g.exp(g.transpose(g.weight(name('A_log'), [CHANNELS, STATE]), [1, 0]))
  return g.selectiveScan(
    {
      x: m,
      dt: linear(m, 'dt', CHANNELS, CHANNELS),
      a: g.sub(g.constant([0], [1]), decay),
      b: linear(m, 'B', STATE, CHANNELS),
      c: linear(m, 'C', STATE, CHANNELS),
      d: g.weight(name('D'), [CHANNELS]),
      z: linear(u, 'z', CHANNELS, HIDDEN),
    },
    { recurrence: 2 * layer + 1 },
  )
}

/** As {@link openModelFiles} would give it; the caller closes the checkpoint and removes the folder. */
export async function hybridFiles(
  options?: HybridOptions,
): Promise<ModelFiles & { readonly folder: string }> {
  const graph = hybridGraph(options)
  const folder = mkdtempSync(join(tmpdir(), 'aerie-hybrid-'))
  const random = seededRandom(77)
  const tensors: Record<string, TensorToWrite> = {}
  for (const { name, shape } of graph.weights) {
    const size = shape.reduce((product, side) => product * side, 1)
    const spread = name.endsWith('A_log') ? 1 : 2 / Math.sqrt(shape.at(-1)!)
    const values = Float32Array.from({ length: size }, () => spread * (2 * random() - 1))
    tensors[name] = { shape, values }
  }
  writeSafetensors(join(folder, 'model.safetensors'), tensors)
  const checkpoint = await Checkpoint.open(folder)
  return {
    ...{ folder, checkpoint, tensors: checkpoint.tensors },
    graphs: { decoder: graph },
    limits: {
      ...{ vocabSize: HYBRID_VOCAB, hiddenSize: HIDDEN, maxContext: 4096 },
      ...{ tokensPerTile: 0, maxImages: 0 },
    },
    embeddingTower: undefined,
    speech: undefined,
    embeddingName: 'embed',
    embeddingScale: 1,
  }
}
