/** ONNX Runtime behind one class. `run` blocks its thread: for worker threads only. */
import { dirname, relative, sep } from 'node:path'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import type { ElementType, Graph, Weight } from '../../../models/graph/graph.ts'
import { lowerToOnnx, type WeightLocation } from '../../../models/graph/onnx/lower.ts'
import type { StoredData } from '../../../models/graph/onnx/quantised-linear.ts'
import { AerieError } from '../../errors.ts'
import type { WeightTensor } from '../../weights/weights.ts'

export interface Feed {
  readonly data: Float32Array | Int32Array
  readonly dims: readonly number[]
}

export interface OnnxSessionOptions {
  readonly threads: number
  /** Also make the graph's stages fetchable. */
  readonly stages?: boolean
}

type Ort = typeof import('onnxruntime-node')

/** Stored types that ONNX Runtime converts by itself while loading, by the type that the graph wants. */
const STORED_TYPES: Readonly<Record<ElementType, Readonly<Record<string, StoredData['type']>>>> = {
  float32: { F32: 'float32', F16: 'float16', BF16: 'bfloat16' },
  int32: { I32: 'int32', I64: 'int64' },
}

/** Of the values and zero points of quantised weights. */
const QUANTISED_TYPES: Readonly<Record<string, StoredData['type']>> = { U8: 'uint8', I8: 'int8' }

export class OnnxSession {
  readonly #ort: Ort
  readonly #session: InferenceSession

  private constructor(ort: Ort, session: InferenceSession) {
    this.#ort = ort
    this.#session = session
  }

  /**
   * Lowers and loads one graph; ONNX Runtime reads the weights from the checkpoint's own files.
   * Throws `invalid_package` for weights that it cannot use.
   */
  static async load(
    graph: Graph,
    tensors: ReadonlyMap<string, WeightTensor>,
    options: OnnxSessionOptions,
  ): Promise<OnnxSession> {
    const { threads, stages = false } = options
    // Derived weights may have none.
    const sources = new Map<string, WeightTensor>()
    for (const { name } of graph.weights) {
      const source = tensors.get(name)
      if (source) sources.set(name, source)
    }
    const folder = commonFolder([...sources.values()].map(({ path }) => dirname(path)))
    const model = lowerToOnnx(graph, {
      locate: (weight) => {
        const source = sources.get(weight.name)
        return source && locationOf(weight, source, folder)
      },
      stages,
    })
    const ort = await import('onnxruntime-node')
    const session = await translate(() =>
      ort.InferenceSession.create(model, {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
        // Plans are kept for every combination of shapes; ours never stop changing.
        enableMemPattern: false,
        extra: {
          // A product scaled by the library is not one of those with a single row that need no packing.
          optimization: { disable_specified_optimizers: 'MatMulScaleFusion' },
          session: {
            // Spinning threads would burn a core between runs.
            intra_op: { allow_spinning: '0' },
            ...(folder === '' ? {} : { model_external_initializers_file_folder_path: folder }),
          },
        },
      }),
    )
    return new OnnxSession(ort, session)
  }

  /** Runs the graph and returns the outputs named in `fetches`. Rejects with `backend_failure`. */
  async run(
    feeds: Readonly<Record<string, Feed>>,
    fetches: readonly string[],
  ): Promise<Record<string, Float32Array>> {
    const results = await translate(() => {
      const tensors: Record<string, Tensor> = {}
      for (const [name, { data, dims }] of Object.entries(feeds)) {
        const type = data instanceof Float32Array ? 'float32' : 'int32'
        tensors[name] = new this.#ort.Tensor(type, data, dims)
      }
      return this.#session.run(tensors, fetches)
    })
    return Object.fromEntries(fetches.map((name) => [name, results[name]?.data as Float32Array]))
  }

  async dispose(): Promise<void> {
    await this.#session.release()
  }
}

function locationOf(weight: Weight, tensor: WeightTensor, folder: string): WeightLocation {
  const { quantisation } = tensor
  if (!quantisation) return storedData(tensor, STORED_TYPES[weight.type], folder)
  const { scales, zeroPoints, lowRank, ...form } = quantisation
  const bytes = (part: StoredPart) => storedData(part, QUANTISED_TYPES, folder)
  const floats = (part: StoredPart) => storedData(part, STORED_TYPES.float32, folder)
  return {
    ...form,
    values: bytes(tensor),
    scales: floats(scales),
    ...(zeroPoints && { zeroPoints: bytes(zeroPoints) }),
    ...(lowRank && {
      lowRank: {
        rank: lowRank.down.shape[0]!,
        down: floats(lowRank.down),
        up: floats(lowRank.up),
      },
    }),
  }
}

type StoredPart = Pick<WeightTensor, 'name' | 'dtype' | 'path' | 'offset' | 'byteLength'>

function storedData(
  { name, dtype, path, offset, byteLength }: StoredPart,
  types: Readonly<Record<string, StoredData['type']>>,
  folder: string,
): StoredData {
  const type = types[dtype]
  if (!type) {
    const expected = Object.keys(types)
    const last = expected.pop()
    throw invalid(`tensor ${name} is of type ${dtype}, expected ${expected.join(', ')} or ${last}`)
  }
  return { type, location: relative(folder, path), offset, length: byteLength }
}

/** ONNX Runtime takes external data from below one folder: the deepest that holds all of these; empty when there are none. */
function commonFolder(folders: readonly string[]): string {
  const [first = '', ...rest] = folders
  let common = first.split(sep)
  for (const folder of rest) {
    const parts = folder.split(sep)
    const differs = common.findIndex((part, i) => part !== parts[i])
    if (differs >= 0) common = common.slice(0, differs)
  }
  // Nothing in common but the root.
  return folders.length > 0 ? common.join(sep) || sep : ''
}

function invalid(message: string): AerieError {
  return new AerieError('invalid_package', message)
}

async function translate<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    throw new AerieError(
      'backend_failure',
      `ONNX Runtime: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    )
  }
}
