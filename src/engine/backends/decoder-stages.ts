/** Every stage of a decoder's graph for one prompt; for checking, not for serving. */
import { kvGeometry } from '../../../models/graph/graph.ts'
import { KEY_POSITIONS, pastKey, pastValue } from '../../../models/graph/onnx/kv-attention.ts'
import { EmbeddingTable } from './embedding-table.ts'
import type { ModelFiles } from './model-files.ts'
import type { Feed } from './onnx-session.ts'

export interface Stage {
  /** `[steps, width]` */
  readonly shape: readonly [number, number]
  readonly values: Float32Array
}

/** Stages and outputs by name, at every step, and `embeddings` as they were looked up. */
export async function runDecoderStages(
  files: ModelFiles,
  backend: string,
  ids: Int32Array,
): Promise<Map<string, Stage>> {
  const table = await EmbeddingTable.load(files)
  const { hiddenSize } = files.limits
  const embeddings = new Float32Array(ids.length * hiddenSize)
  for (const [i, id] of ids.entries()) table.write(id, embeddings, i * hiddenSize)
  const results = await (backend === 'onnx' ? onOnnx : onReference)(files, embeddings, ids.length)
  results.set('embeddings', embeddings)
  return new Map(
    [...results].map(([name, values]) => [
      name,
      { shape: [ids.length, values.length / ids.length], values },
    ]),
  )
}

async function onOnnx(
  { graphs: { decoder }, tensors, limits }: ModelFiles,
  embeddings: Float32Array,
  steps: number,
): Promise<Map<string, Float32Array>> {
  const { OnnxSession } = await import('./onnx-session.ts')
  const session = await OnnxSession.load(decoder, tensors, { threads: 1, stages: true })
  const places = Int32Array.from({ length: steps }, (_, i) => i)
  // Graphs do not take an empty past; one position that no query reaches does the same.
  const feeds: Record<string, Feed> = {
    embeddings: { data: embeddings, dims: [1, steps, limits.hiddenSize] },
    positions: { data: places, dims: [1, steps] },
    wanted: { data: places, dims: [1, steps] },
    [KEY_POSITIONS]: { data: Int32Array.of(2 ** 31 - 1, ...places), dims: [1, 1 + steps] },
  }
  const { layers, kvHeads, headDim } = kvGeometry(decoder)
  for (let layer = 0; layer < layers; layer++) {
    for (const name of [pastKey(layer), pastValue(layer)]) {
      feeds[name] = { data: new Float32Array(kvHeads * headDim), dims: [1, kvHeads, 1, 1, headDim] }
    }
  }
  try {
    const names = [...decoder.stages, ...decoder.outputs].map(({ name }) => name)
    return new Map(Object.entries(await session.run(feeds, names)))
  } finally {
    await session.dispose()
  }
}

async function onReference(
  files: ModelFiles,
  embeddings: Float32Array,
  steps: number,
): Promise<Map<string, Float32Array>> {
  const [{ interpret }, { tensor }, { loadWeights }] = await Promise.all([
    import('./reference/interpreter.ts'),
    import('./reference/tensor.ts'),
    import('./reference.ts'),
  ])
  const graph = files.graphs.decoder
  const places = tensor(
    [1, steps],
    Float64Array.from({ length: steps }, (_, i) => i),
  )
  const nothing = new Float32Array()
  const results = interpret(graph, {
    feeds: new Map([
      ['embeddings', tensor([1, steps, files.limits.hiddenSize], Float64Array.from(embeddings))],
      ['positions', places],
      ['wanted', places],
    ]),
    weights: await loadWeights(graph, files),
    cache: { length: 0, past: () => ({ keys: nothing, values: nothing }), append: () => {} },
  })
  return new Map([...results].map(([name, { data }]) => [name, Float32Array.from(data)]))
}
