/** Every stage of a model's graphs for one input; for checking, not for serving. */
import { type Graph, kvGeometry } from '../../../models/graph/graph.ts'
import { KEY_POSITIONS, pastKey, pastValue } from '../../../models/graph/onnx/kv-attention.ts'
import { decoderGraph, type ModelFiles } from './model-files.ts'
import type { Feed } from './onnx-session.ts'
import { withPlainWeights } from './plain-weights.ts'
import { encoderGraph } from './tile-encoder.ts'

/** Stages and outputs by name. */
export type Stages = Map<string, Float32Array>

/** Of the decoder, at every step of a prompt: embeddings `[steps, hidden]`. */
export async function runDecoderStages(
  files: ModelFiles,
  backend: string,
  embeddings: Float32Array,
): Promise<Stages> {
  const { hiddenSize } = files.limits
  const steps = embeddings.length / hiddenSize
  const places = Int32Array.from({ length: steps }, (_, i) => i)
  const feeds: Record<string, Feed> = {
    embeddings: { data: embeddings, dims: [1, steps, hiddenSize] },
    positions: { data: places, dims: [1, steps] },
    wanted: { data: places, dims: [1, steps] },
  }
  const graph = decoderGraph(files)
  return await runStages(files, backend, graph, feeds)
}

/** Of the towers and the projector: pixels `[tiles, 3, height, width]`. */
export async function runEncoderStages(
  files: ModelFiles,
  backend: string,
  pixels: Float32Array,
): Promise<Stages> {
  return await runItemStages(files, backend, encoderGraph(files), pixels)
}

/** Of any graph over the model's weights with one input: tiles, or merged blocks, `[items, …]`. */
export async function runItemStages(
  files: ModelFiles,
  backend: string,
  graph: Graph,
  items: Float32Array,
): Promise<Stages> {
  const { name, value } = graph.inputs[0]!
  const [, ...item] = value.shape as [string, ...number[]]
  const count = items.length / item.reduce((size, side) => size * side, 1)
  const feeds = { [name]: { data: items, dims: [count, ...item] } }
  return await runStages(files, backend, graph, feeds)
}

/** Of any graph over the model's weights; a decoder starts with an empty cache. */
export async function runStages(
  files: ModelFiles,
  backend: string,
  graph: Graph,
  feeds: Readonly<Record<string, Feed>>,
): Promise<Stages> {
  if (backend === 'reference') return await onReference(files, graph, feeds)
  if (backend === 'native') {
    const { runNativeStages } = await import('./native-stages.ts')
    const stages = await runNativeStages(files, graph, feeds)
    // As the backend does with a graph that it has no instructions for.
    if (stages) return stages
  }
  return await onOnnx(files, graph, feeds)
}

/** Graphs do not take an empty past; one position that no query reaches does the same. `places` are those of the prompt. */
export function emptyPast(graph: Graph, places: Int32Array): Record<string, Feed> {
  const feeds: Record<string, Feed> = {
    [KEY_POSITIONS]: { data: Int32Array.of(2 ** 31 - 1, ...places), dims: [1, 1 + places.length] },
  }
  const { layers, kvHeads, headDim } = kvGeometry(graph)
  for (let layer = 0; layer < layers; layer++) {
    for (const name of [pastKey(layer), pastValue(layer)]) {
      feeds[name] = { data: new Float32Array(kvHeads * headDim), dims: [1, kvHeads, 1, 1, headDim] }
    }
  }
  return feeds
}

async function onOnnx(
  files: ModelFiles,
  graph: Graph,
  feeds: Readonly<Record<string, Feed>>,
): Promise<Stages> {
  const { OnnxSession } = await import('./onnx-session.ts')
  const session = await withPlainWeights(graph, files, (tensors) =>
    OnnxSession.load(graph, tensors, { threads: 1, stages: true }),
  )
  try {
    const names = [...graph.stages, ...graph.outputs].map(({ name }) => name)
    return new Map(Object.entries(await session.run({ ...feeds, ...pastOf(graph, feeds) }, names)))
  } finally {
    await session.dispose()
  }
}

function pastOf(graph: Graph, { positions }: Readonly<Record<string, Feed>>): Record<string, Feed> {
  const isDecoder = graph.nodes.some(({ op }) => op === 'kvAttention')
  return isDecoder ? emptyPast(graph, positions!.data as Int32Array) : {}
}

async function onReference(
  files: ModelFiles,
  graph: Graph,
  feeds: Readonly<Record<string, Feed>>,
): Promise<Stages> {
  const [{ interpret }, { tensor }, { loadWeights }] = await Promise.all([
    import('./reference/interpreter.ts'),
    import('./reference/tensor.ts'),
    import('./reference.ts'),
  ])
  const nothing = new Float32Array()
  const results = interpret(graph, {
    feeds: new Map(
      Object.entries(feeds).map(([name, { data, dims }]) => [
        name,
        tensor(dims, Float64Array.from(data)),
      ]),
    ),
    weights: await loadWeights(graph, files),
    cache: { length: 0, past: () => ({ keys: nothing, values: nothing }), append: () => {} },
  })
  return new Map([...results].map(([name, { data }]) => [name, Float32Array.from(data)]))
}
