/** Runs a graph over many inputs a few weights at a time: a model that does not fit into memory as floats can be measured. */

import type { Graph, Value } from '../../models/graph/graph.ts'
import { cutGraph } from '../../models/graph/segments.ts'
import { resolveShape } from '../../models/graph/shape.ts'
import { emptyPast, type Stages } from '../engine/backends/graph-stages.ts'
import type { ModelFiles } from '../engine/backends/model-files.ts'
import { type Feed, OnnxSession } from '../engine/backends/onnx-session.ts'
import { withPlainWeights } from '../engine/backends/plain-weights.ts'

/** Weights that are loaded at a time, unless one alone has more: a quarter of a gigabyte as floats. */
const MOST_ELEMENTS = 2 ** 26

export interface SegmentRunOptions {
  readonly threads: number
  /** Stages of the graph that are wanted beside its outputs. */
  readonly stages?: readonly string[]
  readonly mostElements?: number
  readonly signal?: AbortSignal | undefined
  /** Takes each output and wanted stage of an input as soon as it is there, one at a time: none of them waits for the end. */
  readonly onValue?: (name: string, data: Float32Array, feed: number) => void | Promise<void>
}

type Feeds = Readonly<Record<string, Feed>>

/**
 * Calls `use` with the outputs and wanted stages for each of `feeds`, in their order. A decoder's feeds are `embeddings`,
 * `positions` and `wanted` of one sequence from its start.
 */
export async function runSegments(
  graph: Graph,
  files: Pick<ModelFiles, 'checkpoint' | 'tensors'>,
  feeds: readonly Feeds[],
  use: (results: Stages, feed: number) => void,
  options: SegmentRunOptions,
): Promise<void> {
  const { threads, stages = [], mostElements = MOST_ELEMENTS, signal, onValue } = options
  const segments = cutGraph(graph, { mostElements, stages })
  const wanted = new Set([...graph.outputs.map(({ name }) => name), ...stages])
  const states = feeds.map((feed) => ({
    values: new Map(Object.entries(feed)),
    dims: dimsOf(graph, feed),
  }))
  for (const [i, segment] of segments.entries()) {
    signal?.throwIfAborted()
    const readLater = new Set(
      segments.slice(i + 1).flatMap(({ inputs }) => inputs.map(({ name }) => name)),
    )
    const session = await withPlainWeights(segment, files, (tensors) =>
      OnnxSession.load(segment, tensors, { threads }),
    )
    try {
      const names = segment.outputs.map(({ name }) => name)
      for (const [i, { values, dims }] of states.entries()) {
        const results = await session.run(feedsOf(segment, values), names)
        for (const { name, value } of segment.outputs) {
          if (onValue && wanted.has(name)) await onValue(name, results[name]!, i)
          values.set(name, feedOf(value, results[name]!, resolveShape(value.shape, dims)))
        }
        const isKept = (name: string) =>
          readLater.has(name) || (wanted.has(name) && !onValue) || name === 'positions'
        for (const name of values.keys()) if (!isKept(name)) values.delete(name)
      }
    } finally {
      await session.dispose()
    }
  }
  for (const [i, { values }] of states.entries()) {
    const results = [...values].filter(([name]) => wanted.has(name))
    use(new Map(results.map(([name, { data }]) => [name, data as Float32Array])), i)
  }
}

function dimsOf(graph: Graph, feed: Feeds): Map<string, number> {
  const dims = new Map<string, number>()
  for (const { name, value } of graph.inputs)
    for (const [axis, dim] of value.shape.entries())
      if (typeof dim === 'string') dims.set(dim, feed[name]!.dims[axis]!)
  return dims
}

function feedsOf(segment: Graph, values: ReadonlyMap<string, Feed>): Feeds {
  const feeds = Object.fromEntries(segment.inputs.map(({ name }) => [name, values.get(name)!]))
  const hasCache = segment.nodes.some(({ op }) => op === 'kvAttention')
  if (!hasCache) return feeds
  return { ...feeds, ...emptyPast(segment, values.get('positions')!.data as Int32Array) }
}

/** Whole numbers leave a graph as floats. */
function feedOf({ type }: Value, data: Float32Array, dims: readonly number[]): Feed {
  return { data: type === 'int32' ? Int32Array.from(data) : data, dims }
}
