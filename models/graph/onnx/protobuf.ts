/** ONNX messages on the wire: the fields that we write, numbered as ONNX specifies. */
import protobuf from 'protobufjs/light.js'

/** ONNX's numbers for element types. */
export const ONNX_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
  float64: 11,
  bfloat16: 16,
} as const
export type OnnxType = keyof typeof ONNX_TYPE

/** ONNX's numbers for kinds of attributes. */
const KIND = { float: 1, int: 2, string: 3, ints: 7 } as const

export interface TensorMessage {
  readonly name: string
  readonly dims: readonly number[]
  readonly dataType: number
  readonly rawData?: Uint8Array
  readonly externalData?: readonly { readonly key: string; readonly value: string }[]
  readonly dataLocation?: 0 | 1
}

export interface AttributeMessage {
  readonly name: string
  readonly type: number
  readonly f?: number
  readonly i?: number
  readonly s?: Uint8Array
  readonly ints?: readonly number[]
}

export interface NodeMessage {
  readonly name: string
  readonly opType: string
  readonly domain: string
  readonly input: readonly string[]
  readonly output: readonly string[]
  readonly attribute: readonly AttributeMessage[]
}

export interface ValueInfoMessage {
  readonly name: string
  readonly type: {
    readonly tensorType: {
      readonly elemType: number
      readonly shape: {
        readonly dim: readonly ({ readonly dimValue: number } | { readonly dimParam: string })[]
      }
    }
  }
}

export interface ModelMessage {
  readonly irVersion: number
  readonly producerName: string
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[]
  readonly graph: {
    readonly name: string
    readonly node: readonly NodeMessage[]
    readonly initializer: readonly TensorMessage[]
    readonly input: readonly ValueInfoMessage[]
    readonly output: readonly ValueInfoMessage[]
  }
}

type FieldRow = readonly [name: string, id: number, type: string, repeated?: 'repeated']

const MESSAGES: Readonly<Record<string, readonly FieldRow[]>> = {
  Model: [
    ['irVersion', 1, 'int64'],
    ['producerName', 2, 'string'],
    ['graph', 7, 'Graph'],
    ['opsetImport', 8, 'OperatorSet', 'repeated'],
  ],
  OperatorSet: [
    ['domain', 1, 'string'],
    ['version', 2, 'int64'],
  ],
  Graph: [
    ['node', 1, 'Node', 'repeated'],
    ['name', 2, 'string'],
    ['initializer', 5, 'Tensor', 'repeated'],
    ['input', 11, 'ValueInfo', 'repeated'],
    ['output', 12, 'ValueInfo', 'repeated'],
  ],
  Node: [
    ['input', 1, 'string', 'repeated'],
    ['output', 2, 'string', 'repeated'],
    ['name', 3, 'string'],
    ['opType', 4, 'string'],
    ['attribute', 5, 'Attribute', 'repeated'],
    ['domain', 7, 'string'],
  ],
  Attribute: [
    ['name', 1, 'string'],
    ['f', 2, 'float'],
    ['i', 3, 'int64'],
    ['s', 4, 'bytes'],
    ['ints', 8, 'int64', 'repeated'],
    ['type', 20, 'int32'],
  ],
  Tensor: [
    ['dims', 1, 'int64', 'repeated'],
    ['dataType', 2, 'int32'],
    ['name', 8, 'string'],
    ['rawData', 9, 'bytes'],
    ['externalData', 13, 'StringPair', 'repeated'],
    ['dataLocation', 14, 'int32'],
  ],
  StringPair: [
    ['key', 1, 'string'],
    ['value', 2, 'string'],
  ],
  ValueInfo: [
    ['name', 1, 'string'],
    ['type', 2, 'Type'],
  ],
  Type: [['tensorType', 1, 'TensorType']],
  TensorType: [
    ['elemType', 1, 'int32'],
    ['shape', 2, 'Shape'],
  ],
  Shape: [['dim', 1, 'Dimension', 'repeated']],
  Dimension: [
    ['dimValue', 1, 'int64'],
    ['dimParam', 2, 'string'],
  ],
}

const ModelType = messageTypes().lookupType('Model')

/** The bytes of a `.onnx` file. */
export function encodeModel(model: ModelMessage): Uint8Array {
  return ModelType.encode(model).finish()
}

/** An attribute: text, a whole number, whole numbers, or `{ float }`. */
export function attribute(name: string, value: AttributeValue): AttributeMessage {
  if (typeof value === 'string')
    return { name, type: KIND.string, s: new TextEncoder().encode(value) }
  if (typeof value === 'number') return { name, type: KIND.int, i: value }
  if ('float' in value) return { name, type: KIND.float, f: value.float }
  return { name, type: KIND.ints, ints: value }
}

export type AttributeValue = string | number | readonly number[] | { readonly float: number }

function messageTypes(): protobuf.Root {
  const root = new protobuf.Root()
  for (const [name, rows] of Object.entries(MESSAGES)) {
    const type = new protobuf.Type(name)
    for (const [field, id, fieldType, rule] of rows)
      type.add(new protobuf.Field(field, id, fieldType, rule))
    root.add(type)
  }
  return root
}
