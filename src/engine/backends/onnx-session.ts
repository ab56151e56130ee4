/** ONNX Runtime behind one class. `run` blocks its thread, so this file belongs in worker threads. */
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Graph } from '../../../models/graph/graph.ts'
import { lowerToOnnx, type WeightLocation } from '../../../models/graph/onnx/lower.ts'
import { AerieError } from '../../errors.ts'
import type { StoredTensor } from '../../weights/checkpoint.ts'
import type { ModelFiles } from './model-files.ts'

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

/** Stored types that ONNX Runtime widens by itself while loading. */
const STORED_TYPES: Readonly<Record<string, WeightLocation['type']>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
}

export class OnnxSession {
  readonly #ort: Ort
  readonly #session: InferenceSession

  private constructor(ort: Ort, session: InferenceSession) {
    this.#ort = ort
    this.#session = session
  }

  /** Lowers and loads one graph of a model. Throws `invalid_package` for weights of a type that cannot be used. */
  static async load(
    graph: Graph,
    files: ModelFiles,
    { threads, stages = false }: OnnxSessionOptions,
  ): Promise<OnnxSession> {
    const locate = (weight: { readonly name: string }) =>
      locationOf(files.tensors.get(weight.name)!)
    const model = lowerToOnnx(graph, { locate, stages })
    const ort = await import('onnxruntime-node')
    const session = await translate(() =>
      ort.InferenceSession.create(model, {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
        extra: {
          session: {
            // Spinning threads would burn a core between runs.
            intra_op: { allow_spinning: '0' },
            model_external_initializers_file_folder_path: files.checkpoint.directory,
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
    const tensors: Record<string, Tensor> = {}
    for (const [name, { data, dims }] of Object.entries(feeds)) {
      tensors[name] = new this.#ort.Tensor(
        data instanceof Float32Array ? 'float32' : 'int32',
        data,
        dims,
      )
    }
    const results = await translate(() => this.#session.run(tensors, fetches))
    return Object.fromEntries(fetches.map((name) => [name, results[name]?.data as Float32Array]))
  }

  async dispose(): Promise<void> {
    await this.#session.release()
  }
}

function locationOf({ name, dtype, file, offset, byteLength }: StoredTensor): WeightLocation {
  const type = STORED_TYPES[dtype]
  if (!type)
    throw new AerieError(
      'invalid_package',
      `tensor ${name} is of type ${dtype}, expected F32, F16 or BF16`,
    )
  return { type, location: file, offset, length: byteLength }
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
