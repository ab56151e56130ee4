/** Brings a program's weights into the native runtime, one tensor after the other and each as it is stored. */
import type { NamedValue } from '../../../models/graph/graph.ts'
import type { FixedSource } from '../../../models/graph/native/fixed.ts'
import type { NativeWeight } from '../../../models/graph/native/lower.ts'
import type { Program } from '../../../models/graph/native/program.ts'
import { AerieError } from '../../errors.ts'
import { freeMemory } from '../../free-memory.ts'
import { undoOrder } from '../../weights/converter-change.ts'
import { BLOCKS, type BlockType, isBlockType } from '../../weights/gguf-blocks.ts'
import { firstNonFinite } from '../../weights/non-finite.ts'
import { type QuantisedMatrix, readQuantised } from '../../weights/quantised.ts'
import type { WeightTensor } from '../../weights/weights.ts'
import type { ModelFiles } from './model-files.ts'
import type { NativeAddon, NativeBlock, NativePool, NativeWeightSpec } from './native-addon.ts'
import { type PackedWeights, wantedBlocks } from './packed-weights.ts'
import { interpret } from './reference/interpreter.ts'
import { type Tensor, tensor } from './reference/tensor.ts'

type Files = Pick<ModelFiles, 'checkpoint' | 'tensors'>
/** What a program takes for a weight. */
export type LoadedWeight = Uint8Array | NativeBlock | Float32Array | Int32Array

interface Loading {
  readonly addon: NativeAddon
  readonly pool: NativePool
  /** Blocks that need not be packed any more. */
  readonly packed?: PackedWeights | undefined
}

/** Narrower rows take no less as 2:4: units of it have 16 inputs. */
const LEAST_SPARSE_WIDTH = 32
/** Making these dense again takes a token longer than their bytes did (docs/engine.md, "2:4 weights"). */
const FASTER_DENSE = ['f16', 'bf16']

type Rows = readonly [start: number, end: number]

/** Stored types that linears read as they are. */
const DENSE: Readonly<Record<string, 'f32' | 'f16' | 'bf16'>> = {
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
}

/** Elements of a row that share a scale, 0 for all of them; undefined for a matrix that is read as floats. */
export function groupOf(stored: WeightTensor | undefined): number | undefined {
  if (stored?.quantisation) return stored.quantisation.isSigned ? 0 : stored.quantisation.group
  const type = blocksOf(stored)
  return type && BLOCKS[type].group
}

/** In which blocks a matrix is stored, and packed as they are; rows that a converter moved can be moved back in them. */
function blocksOf(stored: WeightTensor | undefined): BlockType | undefined {
  if (!stored || stored.change?.kind === 'plus-one') return undefined
  return isBlockType(stored.dtype) ? stored.dtype : undefined
}

/**
 * For each weight its values, or its packed block, in the program's order; between tensors no more than one is held twice.
 * Throws `invalid_package` for values that are no numbers.
 */
export async function loadNativeWeights(
  program: Program,
  weights: readonly NativeWeight[],
  files: Files,
  { addon, pool, packed }: Loading,
): Promise<LoadedWeight[]> {
  const loaded: LoadedWeight[] = []
  const wanted = packed && wantedBlocks(program, weights)
  for (const [i, weight] of weights.entries()) {
    if (program.weights[i]!.kind === 'tensor') {
      loaded.push(await values(weight.source, files))
      continue
    }
    const named = wanted?.get(i)
    const block = named && packed?.find(named)
    if (block) {
      loaded.push(block)
      continue
    }
    const spec = await linearSpec(weight, files)
    loaded.push(packWeight({ addon, pool }, spec).block)
    // Nobody else sees what was read for this weight; the collector would come by late.
    freeMemory(spec.values.buffer)
  }
  return loaded
}

/** Packs a matrix: as 2:4 where that is what it holds, whoever made it so, and no slower. */
export function packWeight(
  { addon, pool }: Pick<Loading, 'addon' | 'pool'>,
  spec: NativeWeightSpec,
): { readonly block: Uint8Array; readonly isSparse24: boolean } {
  const isFasterDense = 'type' in spec && FASTER_DENSE.includes(spec.type)
  const mayBe = spec.shape[1] >= LEAST_SPARSE_WIDTH && !isFasterDense
  const isSparse24 = mayBe && addon.isSparse24(pool, spec)
  return { block: addon.packLinear(pool, spec, { sparse24: isSparse24 }), isSparse24 }
}

/** A matrix as it is stored, rows of one too; in floats where it is stored in another form, or computed. */
export async function linearSpec(
  { source, shape }: NativeWeight,
  files: Files,
): Promise<NativeWeightSpec> {
  const [out, width] = shape as readonly [number, number]
  const stored = 'weight' in source ? files.tensors.get(source.weight.name) : undefined
  const rows = 'weight' in source ? source.rows : undefined
  if (stored?.quantisation) {
    const { quantisation } = stored
    const matrix = await readQuantised({ ...stored, quantisation }, (part) =>
      files.checkpoint.readBytes(part),
    )
    return rows ? rowsOf(matrix, rows) : matrix
  }
  const blocks = blocksOf(stored)
  if (stored && blocks)
    return { type: blocks, shape: [out, width], values: await blockRows(stored, rows, files) }
  const type = stored && !stored.change && DENSE[stored.dtype]
  const bytes =
    stored && type
      ? await files.checkpoint.readBytes(rows ? storedRows(stored, rows) : stored)
      : bytesOf(await values(source, files))
  return { type: type || 'f32', shape: [out, width], values: bytes }
}

/** Whole rows of blocks, in the order of the model's config. */
async function blockRows(
  stored: WeightTensor,
  rows: Rows | undefined,
  { checkpoint }: Files,
): Promise<Uint8Array<ArrayBuffer>> {
  const { change, shape } = stored
  if (change?.kind === 'neighbouring-pairs') {
    const all = undoOrder(await checkpoint.readBytes(stored), shape[0]!, change)
    const rowBytes = all.length / shape[0]!
    return finiteBlocks(stored, rows ? all.subarray(rows[0] * rowBytes, rows[1] * rowBytes) : all)
  }
  return finiteBlocks(stored, await checkpoint.readBytes(rows ? storedRows(stored, rows) : stored))
}

function finiteBlocks(
  { name, dtype }: WeightTensor,
  bytes: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (firstNonFinite(dtype, bytes) >= 0) throw noNumbers(name)
  return bytes
}

function noNumbers(name: string): AerieError {
  return new AerieError('invalid_package', `tensor ${name} holds values that are no numbers`)
}

async function values(
  source: FixedSource,
  files: Files,
): Promise<Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>> {
  if ('graph' in source) {
    const weights = new Map<string, Tensor>()
    for (const weight of source.graph.weights) {
      const floats = await values({ weight }, files)
      weights.set(weight.name, tensor(weight.shape, Float64Array.from(floats)))
    }
    const [output] = source.graph.outputs as [NamedValue]
    const made = interpret(source.graph, { feeds: new Map(), weights }).get(output.name)!
    return output.value.type === 'int32' ? Int32Array.from(made.data) : Float32Array.from(made.data)
  }
  const { weight, rows } = source
  const stored = files.tensors.get(weight.name)
  // Binding saw to it that only a derived weight may have no tensor.
  const all = stored
    ? await files.checkpoint.readFloats(stored)
    : Float32Array.from(weight.derived!.values())
  if (!all.every(Number.isFinite)) throw noNumbers(weight.name)
  const width = all.length / weight.shape[0]!
  const part = rows ? all.slice(rows[0] * width, rows[1] * width) : all
  return weight.type === 'int32' ? Int32Array.from(part) : part
}

/** Some rows of a tensor; each begins with a whole element or block. */
function storedRows(stored: WeightTensor, [start, end]: Rows): WeightTensor {
  const rowBytes = stored.byteLength / stored.shape[0]!
  return {
    ...stored,
    shape: stored.shape.with(0, end - start),
    offset: stored.offset + start * rowBytes,
    byteLength: (end - start) * rowBytes,
  }
}

function rowsOf(matrix: QuantisedMatrix, [start, end]: Rows): QuantisedMatrix {
  const [out, width] = matrix.shape
  const { lowRank, zeroPoints, values: bytes, scales } = matrix
  const bytePart = (all: Uint8Array) =>
    all.subarray((start * all.length) / out, (end * all.length) / out)
  const floatPart = (all: Float32Array) =>
    all.subarray((start * all.length) / out, (end * all.length) / out)
  return {
    ...matrix,
    shape: [end - start, width],
    values: bytePart(bytes),
    scales: floatPart(scales),
    ...(zeroPoints && { zeroPoints: bytePart(zeroPoints) }),
    ...(lowRank && { lowRank: { ...lowRank, up: floatPart(lowRank.up) } }),
  }
}

function bytesOf({
  buffer,
  byteOffset,
  byteLength,
}: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
