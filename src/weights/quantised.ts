/**
 * Quantised weights: a matrix [out, in] as whole numbers, with a scale for each group of neighbours in a row. In files
 * they are ordinary tensors beside each other, named after the weight `W` that they stand for (docs/quantise.md):
 *
 * - `W.int4` U8 [out, in/group, group/2], two values a byte, the low half first; `W.int8` U8 [out, in/group, group]:
 *   numbers less their zero point;
 * - `W.int8` I8 [out, in]: numbers as they are, one group a row;
 * - `W.scales` F16 or F32 [out, in/group], or [out];
 * - `W.zero_points` U8 [out, ⌈in/group · bits/8⌉], packed as the values; without it 2^(bits − 1);
 * - `W.low_rank.down` [rank, in] and `W.low_rank.up` [out, rank]: their product is added.
 *
 * Hot loops index with `!`.
 */
import { AerieError } from '../errors.ts'
import type { TensorEntry } from './safetensors.ts'
import { type StoredType, toFloats } from './stored-type.ts'

/** A tensor and the file that it lies in. */
interface Located extends Omit<TensorEntry, 'dtype'> {
  readonly dtype: StoredType
  readonly path: string
}

/** What a quantised weight has beside its values. */
export interface Quantisation {
  readonly bits: 4 | 8
  /** Elements of a row that share a scale. */
  readonly group: number
  /** Whether values are two's complement; else they are less a zero point. */
  readonly isSigned: boolean
  readonly scales: Located
  readonly zeroPoints?: Located
  /** Added to what the values stand for: up [out, rank] · down [rank, in]. */
  readonly lowRank?: { readonly down: Located; readonly up: Located }
}

/** A quantised weight in memory, which is what a runtime packs for itself. */
export interface QuantisedMatrix extends Pick<Quantisation, 'bits' | 'group' | 'isSigned'> {
  /** Out and in. */
  readonly shape: readonly [number, number]
  /** As in the file, row after row. */
  readonly values: Uint8Array
  /** [out, in/group] */
  readonly scales: Float32Array
  readonly zeroPoints?: Uint8Array
  readonly lowRank?: {
    readonly rank: number
    /** [rank, in] */
    readonly down: Float32Array
    /** [out, rank] */
    readonly up: Float32Array
  }
}

const VALUES = /^(.+)\.int([48])$/
const COMPANIONS = ['.scales', '.zero_points', '.low_rank.down', '.low_rank.up'] as const
const FLOATS: ReadonlySet<string> = new Set(['F16', 'BF16', 'F32'])

type Folded<T> = T & { readonly quantisation?: Quantisation }

/**
 * The tensors of a file with every quantised weight as one, under its own name and shape [out, in]; its bytes are those of
 * its values. Throws `invalid_package` for one whose tensors do not fit together.
 */
export function foldQuantised<T extends Located>(
  tensors: ReadonlyMap<string, T>,
): Map<string, Folded<T>> {
  const folded = new Map<string, Folded<T>>(tensors)
  for (const [valuesName, values] of tensors) {
    const [, name, bits] = VALUES.exec(valuesName) ?? []
    if (name === undefined) continue
    if (tensors.has(name)) throw invalid(name, `is there as it is and as ${valuesName}`)
    const companions = COMPANIONS.map((suffix) => tensors.get(name + suffix))
    for (const taken of [valuesName, ...COMPANIONS.map((suffix) => name + suffix)])
      folded.delete(taken)
    if (folded.has(name)) throw invalid(name, 'is there with 4 bits and with 8')
    folded.set(name, {
      ...values,
      name,
      ...describe(name, Number(bits) as 4 | 8, values, companions),
    })
  }
  return folded
}

/** Every stored tensor that a weight is made of. */
export function storedParts<T extends Located>(tensor: Folded<T>): Located[] {
  const { quantisation } = tensor
  if (!quantisation) return [tensor]
  const { bits, scales, zeroPoints, lowRank } = quantisation
  const values = { ...tensor, name: `${tensor.name}.int${bits}` }
  return [values, scales, zeroPoints, lowRank?.down, lowRank?.up].filter(
    (part) => part !== undefined,
  )
}

/** In what form a weight is stored, all its parts together: `INT8` and `INT4` for quantised ones. */
export function storedForm<T extends Located>(
  tensor: Folded<T>,
): { readonly dtype: string; readonly byteLength: number } {
  return {
    dtype: tensor.quantisation ? `INT${tensor.quantisation.bits}` : tensor.dtype,
    byteLength: storedParts(tensor).reduce((sum, part) => sum + part.byteLength, 0),
  }
}

function describe(
  name: string,
  bits: 4 | 8,
  { dtype, shape: stored }: Located,
  [scales, zeroPoints, down, up]: readonly (Located | undefined)[],
): { readonly shape: readonly number[]; readonly quantisation: Quantisation } {
  const [out = 0, blocks = 0, bytes = 0] = stored
  const isSigned = dtype === 'I8' && bits === 8 && stored.length === 2
  if (!isSigned && (dtype !== 'U8' || stored.length !== 3))
    throw invalid(
      name,
      `has values ${dtype} [${stored.join(', ')}], expected U8 [out, groups, bytes] or I8 [out, in]`,
    )
  const group = isSigned ? blocks : (bytes * 8) / bits
  const width = isSigned ? blocks : blocks * group
  if (out === 0 || width === 0) throw invalid(name, `has no values: [${stored.join(', ')}]`)
  const expect = (
    what: string,
    tensor: Located | undefined,
    dtypes: ReadonlySet<string>,
    shape: readonly number[],
  ) => {
    if (tensor && dtypes.has(tensor.dtype) && tensor.shape.join() === shape.join()) return tensor
    const came = tensor ? `${tensor.dtype} [${tensor.shape.join(', ')}]` : 'none'
    throw invalid(
      name,
      `has ${what} ${came}, expected ${[...dtypes].join(' or ')} [${shape.join(', ')}]`,
    )
  }
  const scaleShape = isSigned ? [out] : [out, blocks]
  const zeroShape = [out, Math.ceil((blocks * bits) / 8)]
  if (isSigned && zeroPoints) throw invalid(name, 'has zero points beside signed values')
  const rank = down?.shape[0] ?? up?.shape[1] ?? 0
  return {
    shape: [out, width],
    quantisation: {
      bits,
      group,
      isSigned,
      scales: expect('scales', scales, FLOATS, scaleShape),
      ...(zeroPoints && {
        zeroPoints: expect('zero points', zeroPoints, new Set(['U8']), zeroShape),
      }),
      ...((down ?? up) && {
        lowRank: {
          down: expect('low_rank.down', down, FLOATS, [rank, width]),
          up: expect('low_rank.up', up, FLOATS, [out, rank]),
        },
      }),
    },
  }
}

/** Reads what `foldQuantised` described; `read` gives a tensor's bytes. */
export async function readQuantised(
  tensor: Located & { readonly quantisation: Quantisation },
  read: (tensor: Located) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<QuantisedMatrix> {
  const { bits, group, isSigned, scales, zeroPoints, lowRank } = tensor.quantisation
  const floats = async (stored: Located) => toFloats(stored.dtype, await read(stored))
  return {
    bits,
    group,
    isSigned,
    shape: tensor.shape as readonly [number, number],
    values: await read(tensor),
    scales: await floats(scales),
    ...(zeroPoints && { zeroPoints: await read(zeroPoints) }),
    ...(lowRank && {
      lowRank: {
        rank: lowRank.down.shape[0]!,
        down: await floats(lowRank.down),
        up: await floats(lowRank.up),
      },
    }),
  }
}

/** What the matrix stands for, `[out, in]`. A value is a product of a few bits with a scale, rounded once. */
export function dequantise(matrix: QuantisedMatrix): Float32Array<ArrayBuffer> {
  const [rows, width] = matrix.shape
  const floats = new Float32Array(rows * width)
  for (let row = 0; row < rows; row++) dequantiseRow(matrix, row, floats, row * width)
  return floats
}

/** One row of it, to `out` from `o` on. */
export function dequantiseRow(
  { bits, group, isSigned, shape: [, width], values, scales, zeroPoints, lowRank }: QuantisedMatrix,
  row: number,
  out: Float32Array,
  o: number,
): void {
  const groups = width / group
  const zeroBytes = Math.ceil((groups * bits) / 8)
  const start = (row * width * bits) / 8
  for (let g = 0; g < groups; g++) {
    const scale = scales[row * groups + g]!
    const zero = zeroPoints ? numberAt(zeroPoints, bits, row * zeroBytes, g) : 1 << (bits - 1)
    for (let i = g * group; i < (g + 1) * group; i++) {
      const value = isSigned
        ? (values[start + i]! << 24) >> 24
        : numberAt(values, bits, start, i) - zero
      out[o + i] = value * scale
    }
  }
  if (!lowRank) return
  const { rank, down, up } = lowRank
  for (let i = 0; i < width; i++) {
    let sum = 0
    for (let r = 0; r < rank; r++) sum += up[row * rank + r]! * down[r * width + i]!
    out[o + i] = out[o + i]! + sum
  }
}

/** The i-th number behind byte `start`. */
function numberAt(bytes: Uint8Array, bits: 4 | 8, start: number, i: number): number {
  return bits === 8 ? bytes[start + i]! : (bytes[start + (i >> 1)]! >> ((i & 1) * 4)) & 15
}

function invalid(name: string, what: string): AerieError {
  return new AerieError('invalid_package', `checkpoint: quantised weight ${name} ${what}`)
}
