/** An ONNX graph under construction: nodes, initialisers and fresh names. */
import type { Shape } from '../shape.ts'
import {
  type AttributeValue,
  attribute,
  encodeModel,
  type NodeMessage,
  ONNX_TYPE,
  type OnnxType,
  type TensorMessage,
  type ValueInfoMessage,
} from './protobuf.ts'

/** Opset 23 has RotaryEmbedding; ONNX Runtime's own operators live in the second domain. */
const OPSETS = [
  { domain: '', version: 23 },
  { domain: 'com.microsoft', version: 1 },
]
const IR_VERSION = 11

export interface AddOptions {
  /** Number of outputs, or their names; an empty name skips one. */
  readonly outputs?: readonly string[]
  readonly domain?: 'com.microsoft'
}

/** Where the bytes of an initialiser are: in a file beside the model. */
export interface ExternalData {
  readonly location: string
  readonly offset: number
  readonly length: number
}

export class OnnxGraph {
  readonly #name: string
  readonly #nodes: NodeMessage[] = []
  readonly #initialisers: TensorMessage[] = []
  readonly #inputs: ValueInfoMessage[] = []
  readonly #outputs: ValueInfoMessage[] = []
  readonly #constants = new Map<string, string>()
  #fresh = 0

  constructor(name: string) {
    this.#name = name
  }

  /** Adds a node and returns the name of its first output. */
  add(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    { outputs = [this.fresh()], domain }: AddOptions = {},
  ): string {
    this.#nodes.push({
      name: `${opType}_${this.#nodes.length}`,
      opType,
      domain: domain ?? '',
      input: inputs,
      output: outputs,
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    })
    return outputs[0]!
  }

  fresh(): string {
    return `t${this.#fresh++}`
  }

  input(name: string, type: OnnxType, shape: Shape): string {
    this.#inputs.push(valueInfo(name, type, shape))
    return name
  }

  /** Publishes `value` under the name `name`. */
  output(name: string, value: string, shape: Shape): void {
    this.add('Identity', [value], {}, { outputs: [name] })
    this.#outputs.push(valueInfo(name, 'float32', shape))
  }

  external(name: string, type: OnnxType, dims: readonly number[], data: ExternalData): string {
    const externalData = Object.entries(data).map(([key, value]) => ({ key, value: String(value) }))
    this.#initialisers.push({
      name,
      dims,
      dataType: ONNX_TYPE[type],
      externalData,
      dataLocation: 1,
    })
    return name
  }

  floats(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.#constant('float32', dims, new Float32Array(values))
  }

  doubles(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.#constant('float64', dims, Float64Array.from(values))
  }

  int32s(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.#constant('int32', dims, Int32Array.from(values))
  }

  int64s(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.#constant('int64', dims, BigInt64Array.from(values, BigInt))
  }

  bytes(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.#constant('uint8', dims, Uint8Array.from(values))
  }

  encode(): Uint8Array {
    return encodeModel({
      irVersion: IR_VERSION,
      producerName: 'aerie',
      opsetImport: OPSETS,
      graph: {
        name: this.#name,
        node: this.#nodes,
        initializer: this.#initialisers,
        input: this.#inputs,
        output: this.#outputs,
      },
    })
  }

  /** A constant, stored in the model itself; equal ones are stored once. */
  #constant(
    type: OnnxType,
    dims: readonly number[],
    values: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array,
  ): string {
    const rawData = new Uint8Array(values.buffer)
    // Bytes and not digits: there are matrices of a million numbers.
    const key = `${type}[${dims.join()}]${Buffer.from(values.buffer).toString('latin1')}`
    const known = this.#constants.get(key)
    if (known) return known
    const name = `c${this.#constants.size}`
    this.#initialisers.push({ name, dims, dataType: ONNX_TYPE[type], rawData })
    this.#constants.set(key, name)
    return name
  }
}

function valueInfo(name: string, type: OnnxType, shape: Shape): ValueInfoMessage {
  const dim = shape.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }))
  return { name, type: { tensorType: { elemType: ONNX_TYPE[type], shape: { dim } } } }
}
