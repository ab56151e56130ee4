/** Every stage of a graph on the native runtime; for checking, not for serving. */
import { type Graph, kvGeometry } from '../../../models/graph/graph.ts'
import type { Program } from '../../../models/graph/native/program.ts'
import type { Stages } from './graph-stages.ts'
import type { ModelFiles } from './model-files.ts'
import { NativeKvTable } from './native-kv.ts'
import { NativeSession, programFor, requireNativeAddon } from './native-session.ts'
import type { Feed } from './onnx-session.ts'

/** Positions in a block of the cache that a decoder starts with, empty. */
const BLOCK_SIZE = 16

/** Stages and outputs by name; undefined for a graph that the runtime has no instructions for. */
export async function runNativeStages(
  files: ModelFiles,
  graph: Graph,
  feeds: Readonly<Record<string, Feed>>,
): Promise<Stages | undefined> {
  if ('refusal' in programFor(graph, files, { stages: true })) return undefined
  const session = await NativeSession.load(graph, files, { threads: 1, stages: true })
  const dims = dimsOf(session.program, feeds)
  const outputs = Object.fromEntries(
    session.program.outputs.map(({ name }) => [name, new Float32Array(session.sizeOf(name, dims))]),
  )
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, { data }]) => [name, data]))
  session.run({ dims, inputs, outputs, ...cacheFor(graph, dims['tokens']) })
  session.dispose()
  return new Map(Object.entries(outputs))
}

/** What the inputs' sizes say of the dimensions; flattened inputs have the first two of a feed as one. */
function dimsOf(
  { inputs, values }: Program,
  feeds: Readonly<Record<string, Feed>>,
): Record<string, number> {
  const dims: Record<string, number> = {}
  for (const { name, value } of inputs) {
    const { shape } = values[value]!
    const [first = 1, second = 1, ...rest] = feeds[name]!.dims
    const sizes = rest.length + 2 > shape.length ? [first * second, ...rest] : feeds[name]!.dims
    for (const [axis, dim] of shape.entries()) if (typeof dim === 'string') dims[dim] = sizes[axis]!
  }
  return dims
}

/** One sequence of all tokens and the blocks for it; nothing for a graph without a cache. */
function cacheFor(graph: Graph, tokens: number | undefined): object {
  if (!graph.nodes.some(({ op }) => op === 'kvAttention') || tokens === undefined) return {}
  const geometry = kvGeometry(graph)
  const { layers, kvHeads, headDim } = geometry
  const bytes = 8 * layers * kvHeads * headDim * BLOCK_SIZE * Math.ceil(tokens / BLOCK_SIZE)
  const cache = new NativeKvTable(requireNativeAddon(), {
    geometry,
    blockSize: BLOCK_SIZE,
    type: 'f32',
    bytes,
  })
  const [sequence] = cache.reserve([{ sequence: 1, positions: tokens }])
  return {
    kv: cache.store,
    rows: Int32Array.of(0, tokens, 0, 0),
    tables: Int32Array.from(sequence!.blocks),
  }
}
