/**
 * Linear layers whose weight is quantised, on ONNX Runtime's own operators. Both forms also bring what the weight is
 * multiplied with to 8 bits, each row by itself: a row's result does not depend on its batch. docs/adr has the measurements.
 */
import type { ExternalData, OnnxGraph } from './onnx-graph.ts'
import { ONNX_TYPE, type OnnxType } from './protobuf.ts'

/** A stored tensor: where, and as what. */
export interface StoredData extends ExternalData {
  readonly type: OnnxType
}

/** Where a quantised weight [out, in] lies; its parts are as `src/weights/quantised.ts` describes them. */
export interface QuantisedLocation {
  readonly bits: 4 | 8
  readonly group: number
  readonly isSigned: boolean
  readonly values: StoredData
  readonly scales: StoredData
  readonly zeroPoints?: StoredData
  readonly lowRank?: { readonly rank: number; readonly down: StoredData; readonly up: StoredData }
}

/** Rows of a quantised weight. */
export interface QuantisedRows {
  readonly name: string
  readonly location: QuantisedLocation
  /** Of the whole weight: out and in. */
  readonly shape: readonly [number, number]
  readonly start: number
  readonly end: number
}

/** `accuracy_level` of MatMulNBits at which it multiplies in whole numbers; others widen the weights at every run. */
const IN_WHOLE_NUMBERS = 4
/** The middle of unsigned bytes. */
const MIDDLE = 128
/** A row of zeros is divided by this. */
const SMALLEST_SCALE = 1e-30

interface QuantisedInput {
  readonly values: string
  /** [rows, 1] */
  readonly scales: string
  readonly leading: string
}

export class QuantisedLowering {
  readonly #onnx: OnnxGraph
  /** By name: queries, keys and values read the same. */
  readonly #inputs = new Map<string, QuantisedInput>()
  readonly #parts = new Map<string, string>()

  constructor(onnx: OnnxGraph) {
    this.#onnx = onnx
  }

  /** x [..., in] → [..., out] by these rows of a weight; `bias` [out]. */
  linear(x: string, weight: QuantisedRows, bias: string | undefined): string {
    const product = weight.location.isSigned ? this.#byRow(x, weight) : this.#byGroup(x, weight)
    const whole = this.#withLowRank(product, x, weight)
    return bias === undefined ? whole : this.#onnx.add('Add', [whole, bias])
  }

  #byGroup(x: string, weight: QuantisedRows): string {
    const { bits, group, values, scales, zeroPoints } = weight.location
    const [, width] = weight.shape
    const [rows, groups] = [weight.end - weight.start, width / group]
    const inputs = [
      x,
      this.#part(weight, 'values', values, [rows, groups, (group * bits) / 8]),
      this.#floats(this.#part(weight, 'scales', scales, [rows * groups]), scales),
    ]
    if (zeroPoints) {
      const bytes = Math.ceil((groups * bits) / 8)
      inputs.push(this.#part(weight, 'zero_points', zeroPoints, [rows * bytes]))
    }
    return this.#onnx.add(
      'MatMulNBits',
      inputs,
      { K: width, N: rows, bits, block_size: group, accuracy_level: IN_WHOLE_NUMBERS },
      { domain: 'com.microsoft' },
    )
  }

  #byRow(x: string, weight: QuantisedRows): string {
    const onnx = this.#onnx
    const { values, scales } = weight.location
    const rows = weight.end - weight.start
    const input = this.#quantise(x)
    const stored = this.#part(weight, 'values', values, [rows, weight.shape[1]])
    const product = onnx.add(
      'MatMulIntegerToFloat',
      [
        input.values,
        // Folded while loading.
        onnx.add('Transpose', [stored], { perm: [1, 0] }),
        input.scales,
        this.#floats(this.#part(weight, 'scales', scales, [rows]), scales),
        onnx.bytes([MIDDLE], []),
      ],
      {},
      { domain: 'com.microsoft' },
    )
    return onnx.add('Reshape', [
      product,
      onnx.add('Concat', [input.leading, onnx.int64s([rows])], { axis: 0 }),
    ])
  }

  /** Each row to 1…255 around 128, by its largest magnitude. */
  #quantise(x: string): QuantisedInput {
    const known = this.#inputs.get(x)
    if (known) return known
    const onnx = this.#onnx
    const width = onnx.add('Shape', [x], { start: -1 })
    const flat = onnx.add('Reshape', [
      x,
      onnx.add('Concat', [onnx.int64s([-1]), width], { axis: 0 }),
    ])
    const largest = onnx.add('ReduceMax', [onnx.add('Abs', [flat]), onnx.int64s([1])], {
      keepdims: 0,
    })
    const scales = onnx.add('Max', [
      onnx.add('Mul', [largest, onnx.floats([1 / (MIDDLE - 1)])]),
      onnx.floats([SMALLEST_SCALE]),
    ])
    const middles = onnx.add('Expand', [onnx.bytes([MIDDLE]), onnx.add('Shape', [scales])])
    const made = {
      values: onnx.add('QuantizeLinear', [flat, scales, middles], { axis: 0 }),
      scales: onnx.add('Unsqueeze', [scales, onnx.int64s([1])]),
      leading: onnx.add('Shape', [x], { start: 0, end: -1 }),
    }
    this.#inputs.set(x, made)
    return made
  }

  #withLowRank(product: string, x: string, weight: QuantisedRows): string {
    const { lowRank } = weight.location
    if (!lowRank) return product
    const { rank, down, up } = lowRank
    const onnx = this.#onnx
    const times = (left: string, right: string) =>
      onnx.add('FusedMatMul', [left, right], { transB: 1 }, { domain: 'com.microsoft' })
    const whole = { ...weight, start: 0, end: rank }
    const downwards = this.#part(whole, 'low_rank.down', down, [rank, weight.shape[1]], rank)
    const upwards = this.#part(weight, 'low_rank.up', up, [weight.end - weight.start, rank])
    const inner = times(x, this.#floats(downwards, down))
    return onnx.add('Add', [product, times(inner, this.#floats(upwards, up))])
  }

  /** An initialiser of those rows: they lie behind each other, so a part of them is a part of the file. */
  #part(
    { name, start, end, shape: [all] }: QuantisedRows,
    suffix: string,
    { type, location, offset, length }: StoredData,
    dims: readonly number[],
    stored = all,
  ): string {
    const label = `${name}.${suffix}[${start}:${end}]`
    const known = this.#parts.get(label)
    if (known) return known
    const rowBytes = length / stored
    const data = {
      location,
      offset: offset + start * rowBytes,
      length: (end - start) * rowBytes,
    }
    const made = this.#onnx.external(label, type, dims, data)
    this.#parts.set(label, made)
    return made
  }

  /** As float32, by a Cast that is folded while loading. */
  #floats(name: string, { type }: StoredData): string {
    return type === 'float32' ? name : this.#onnx.add('Cast', [name], { to: ONNX_TYPE.float32 })
  }
}
