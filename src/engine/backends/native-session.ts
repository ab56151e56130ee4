/** A program of the native runtime, loaded. `run` blocks its thread: for worker threads only. */
import type { Graph, Weight } from '../../../models/graph/graph.ts'
import { type NativeOptions, nativeProgram } from '../../../models/graph/native/lower.ts'
import type { Program } from '../../../models/graph/native/program.ts'
import { resolveShape } from '../../../models/graph/shape.ts'
import { AerieError } from '../../errors.ts'
import type { ModelFiles } from './model-files.ts'
import {
  findNativeAddon,
  type NativeAdapter,
  type NativeAddon,
  type NativeKv,
  type NativePool,
  type NativeRunnable,
  type NativeStates,
} from './native-addon.ts'
import { groupOf, loadNativeWeights } from './native-weights.ts'
import type { PackedWeights } from './packed-weights.ts'

export interface NativeRun {
  /** Of every dimension that the program's shapes name. */
  readonly dims: Readonly<Record<string, number>>
  /** By name. */
  readonly inputs: Readonly<Record<string, Float32Array | Int32Array>>
  /** Where outputs go, by name; those that are missing are not wanted. */
  readonly outputs: Readonly<Record<string, Float32Array>>
  readonly kv?: NativeKv
  /** `[rows, 4]`: first token, count, positions before it, and where its blocks begin in `tables`. */
  readonly rows?: Int32Array
  readonly tables?: Int32Array
  readonly states?: NativeStates
  /** `[rows, 2]`: slots of the recurrent states before, −1 for none, and behind. */
  readonly stateSlots?: Int32Array
  readonly adapters?: readonly NativeAdapter[]
  /** For each name of rows `[adapters, 2]`: the first row of each, and how many. */
  readonly adapterRows?: Readonly<Record<string, Int32Array>>
}

export interface NativeSessionOptions extends Omit<NativeOptions, 'groupOf'> {
  readonly threads: number
  /** Instruction set to compute with; absent: the best one here. */
  readonly isa?: ReturnType<NativeAddon['isas']>[number]
  /** Of the same model; what it has not is packed. */
  readonly packed?: PackedWeights | undefined
}

/** The addon; throws `backend_failure` with the reason where there is none. */
export function requireNativeAddon(): NativeAddon {
  const search = findNativeAddon()
  if ('addon' in search) return search.addon
  throw new AerieError(
    'backend_failure',
    `the native backend cannot be used: ${search.reason}; npm run build:native builds it`,
  )
}

/** The program of a graph over an opened model's weights, or the reason why there is none. */
export function programFor(
  graph: Graph,
  { tensors }: Pick<ModelFiles, 'tensors'>,
  options: Omit<NativeOptions, 'groupOf'> = {},
): ReturnType<typeof nativeProgram> {
  return nativeProgram(graph, {
    ...options,
    groupOf: ({ name }: Weight) => groupOf(tensors.get(name)),
  })
}

export class NativeSession {
  readonly program: Program
  #loaded: NativeRunnable | undefined

  private constructor(program: Program, loaded: NativeRunnable) {
    this.program = program
    this.#loaded = loaded
  }

  /**
   * Packs the weights, or maps them, and loads the program. Rejects with `invalid_package` for weights that cannot be used, and with
   * `backend_failure` without the addon or for a graph that it cannot run.
   */
  static async load(
    graph: Graph,
    files: Pick<ModelFiles, 'checkpoint' | 'tensors'>,
    { threads, isa, packed, ...options }: NativeSessionOptions,
  ): Promise<NativeSession> {
    const addon = requireNativeAddon()
    const lowered = programFor(graph, files, options)
    if ('refusal' in lowered)
      throw failure(`${graph.name} cannot be run by the native runtime: ${lowered.refusal}`)
    const { program, weights } = lowered
    const pool: NativePool = translate(() => addon.createPool(threads))
    const loaded = await loadNativeWeights(program, weights, files, { addon, pool, packed })
    return new NativeSession(
      program,
      translate(() => addon.createProgram(pool, program, loaded, isa)),
    )
  }

  /** Throws `backend_failure`. */
  run({ dims, inputs, outputs, ...attention }: NativeRun): void {
    const loaded = this.#loaded
    if (!loaded) throw failure('the session is disposed')
    translate(() =>
      loaded.run({
        ...attention,
        dims,
        inputs: this.program.inputs.map(({ name }) => inputs[name]!),
        outputs: this.program.outputs.map(({ name }) => outputs[name] ?? null),
      }),
    )
  }

  /** Elements of an output under these dimensions. */
  sizeOf(output: string, dims: Readonly<Record<string, number>>): number {
    const place = this.program.outputs.find(({ name }) => name === output)
    if (!place) throw new Error(`${this.program.name} has no output ${output}`)
    const { shape } = this.program.values[place.value]!
    return resolveShape(shape, new Map(Object.entries(dims))).reduce((size, dim) => size * dim, 1)
  }

  dispose(): void {
    this.#loaded?.close()
    this.#loaded = undefined
  }
}

function translate<T>(call: () => T): T {
  try {
    return call()
  } catch (cause) {
    if (cause instanceof AerieError) throw cause
    throw new AerieError(
      'backend_failure',
      `native runtime: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    )
  }
}

function failure(message: string): AerieError {
  return new AerieError('backend_failure', message)
}
