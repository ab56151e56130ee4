/**
 * Writes a file of weights anew with some of them quantised. Read, quantised and written in pieces of a few megabytes, several
 * at a time: memory does not grow with a tensor.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { AerieError } from '../errors.ts'
import { readExactly, type StoredTensor } from '../weights/checkpoint.ts'
import { DTYPE_BYTES, type Dtype } from '../weights/dtype.ts'
import { writeAll } from '../write-all.ts'
import { blockElements } from './gptq.ts'
import type { FactorPlace } from './layer-inputs.ts'
import type { QuantisedForm } from './quantise-rows.ts'
import type { RowPool } from './row-pool.ts'

/** Of a tensor; a row may be longer. */
const PIECE_BYTES = 8 * 2 ** 20
/** Headers of the reference implementation are whole words. */
const ALIGNMENT = 8

export interface TensorToWrite {
  readonly tensor: StoredTensor
  /** In the file. */
  readonly name: string
  /** Undefined: as it is. */
  readonly form?: QuantisedForm | undefined
  /** What its groups are rounded with; undefined: to the nearest. */
  readonly factors?: TensorFactors | undefined
  /** Nobody reads it: its values may be anything. */
  readonly isUnused?: boolean
}

/** Factors (`gptq.ts`) in a file. */
export interface TensorFactors extends FactorPlace {
  readonly path: string
}

export interface WriteOptions {
  readonly pool: RowPool
  readonly signal?: AbortSignal | undefined
  /** Told of bytes that were read and dealt with. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

interface Slot {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** From the start of the data. */
  offset: number
  readonly byteLength: number
}

interface Placed extends TensorToWrite {
  /** The tensor itself, or its values. */
  readonly values: Slot
  readonly scales?: Slot
  readonly zeroPoints?: Slot
}

/**
 * Rejects with `invalid_package` for a value that is NaN or infinite, or too large to be quantised, and for a source that ends
 * early; with the signal's reason; with the system's own errors.
 */
export async function writeTensors(
  target: string,
  tensors: readonly TensorToWrite[],
  options: WriteOptions,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  await rm(target, { force: true })
  const placed = tensors.map(place)
  const slots = placed.flatMap(({ values, scales, zeroPoints }) =>
    [values, scales, zeroPoints].filter((slot) => slot !== undefined),
  )
  const header = layOut(slots)
  const sources = new Map<string, FileHandle>()
  try {
    await using output = await open(target, 'wx')
    await writeAll(output, header, 0)
    for (const path of new Set(tensors.map(({ tensor }) => tensor.path)))
      sources.set(path, await open(path, 'r'))
    await writePieces(placed, { ...options, output, sources, dataStart: header.byteLength })
  } finally {
    await Promise.all([...sources.values()].map((source) => source.close()))
  }
  const hash = createHash('sha256')
  await pipeline(createReadStream(target, { highWaterMark: PIECE_BYTES }), hash)
  const last = slots.reduce((end, { offset, byteLength }) => Math.max(end, offset + byteLength), 0)
  return { bytes: header.byteLength + last, sha256: hash.digest('hex') }
}

/** What stands in the file for a tensor. */
export function storedNames({ name, form }: Pick<TensorToWrite, 'name' | 'form'>): string[] {
  if (!form) return [name]
  const bits = form.kind === 'rows' ? 8 : form.bits
  const zeroPoints = form.kind === 'groups' && form.hasZeroPoints ? [`${name}.zero_points`] : []
  return [`${name}.int${bits}`, `${name}.scales`, ...zeroPoints]
}

function place(planned: TensorToWrite): Placed {
  const { tensor, form } = planned
  const [values, scales, zeroPoints] = storedNames(planned) as [string, string, string?]
  if (!form) return { ...planned, values: slot(values, tensor.dtype, tensor.shape) }
  const [out, width] = tensor.shape as [number, number]
  if (form.kind === 'rows') {
    return {
      ...planned,
      values: slot(values, 'I8', [out, width]),
      scales: slot(scales, 'F32', [out]),
    }
  }
  const groups = width / form.group
  return {
    ...planned,
    values: slot(values, 'U8', [out, groups, (form.group * form.bits) / 8]),
    scales: slot(scales, 'F16', [out, groups]),
    ...(zeroPoints !== undefined && {
      zeroPoints: slot(zeroPoints, 'U8', [out, Math.ceil((groups * form.bits) / 8)]),
    }),
  }
}

function slot(name: string, dtype: Dtype, shape: readonly number[]): Slot {
  const byteLength = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype])
  return { name, dtype, shape, offset: 0, byteLength }
}

/** Gives every slot its place, wide elements first so that all are aligned, and returns the file's beginning. */
function layOut(slots: Slot[]): Buffer {
  const ordered = slots.toSorted((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype])
  const entries: Record<string, unknown> = Object.create(null)
  let offset = 0
  for (const slot of ordered) {
    slot.offset = offset
    offset += slot.byteLength
    const { name, dtype, shape } = slot
    entries[name] = { dtype, shape, data_offsets: [slot.offset, offset] }
  }
  const text = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, ...entries }))
  const length = Math.ceil(text.byteLength / ALIGNMENT) * ALIGNMENT
  const header = Buffer.alloc(8 + length, ' ')
  header.writeBigUInt64LE(BigInt(length))
  text.copy(header, 8)
  return header
}

interface Writing extends WriteOptions {
  readonly output: FileHandle
  readonly sources: ReadonlyMap<string, FileHandle>
  readonly dataStart: number
}

async function writePieces(placed: readonly Placed[], writing: Writing): Promise<void> {
  const { pool, signal } = writing
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  for (const tensor of placed) {
    if (failure || signal?.aborted) break
    const factors = tensor.factors && (await readFactors(tensor.factors))
    for (const piece of piecesOf(tensor.tensor)) {
      // One piece a thread is in work and one lies ready.
      while (running.size >= 2 * pool.threads) await Promise.race(running)
      if (failure || signal?.aborted) break
      const work: Promise<void> = writePiece({ ...tensor, shared: factors }, piece, writing)
        .catch((error: unknown) => {
          failure ??= { error }
        })
        .then(() => {
          running.delete(work)
        })
      running.add(work)
    }
  }
  await Promise.all(running)
  if (failure) throw failure.error
  signal?.throwIfAborted()
}

/** Once for all pieces of a tensor. */
async function readFactors({ path, offset, width }: TensorFactors) {
  await using file = await open(path, 'r')
  const length = 4 * blockElements(width)
  const bytes = await readExactly(file, { path, offset, length })
  const shared = new Float32Array(new SharedArrayBuffer(length))
  shared.set(new Float32Array(bytes.buffer, bytes.byteOffset, length / 4))
  return shared
}

interface Piece {
  readonly firstRow: number
  readonly rows: number
  readonly rowBytes: number
}

/** Rows of the first axis; a tensor without one is a row. */
function* piecesOf({ shape, byteLength }: StoredTensor): Generator<Piece> {
  const all = shape.length > 1 ? shape[0]! : 1
  if (byteLength === 0) return
  const rowBytes = byteLength / all
  const most = Math.max(1, Math.floor(PIECE_BYTES / rowBytes))
  for (let firstRow = 0; firstRow < all; firstRow += most)
    yield { firstRow, rows: Math.min(most, all - firstRow), rowBytes }
}

async function writePiece(
  {
    tensor,
    form,
    isUnused,
    shared,
    values,
    scales,
    zeroPoints,
  }: Placed & {
    readonly shared: Float32Array<SharedArrayBuffer> | undefined
  },
  { firstRow, rows, rowBytes }: Piece,
  { pool, output, sources, dataStart, onBytes }: Writing,
): Promise<void> {
  const { path, dtype, offset } = tensor
  const length = rows * rowBytes
  const bytes = await readExactly(sources.get(path)!, {
    path,
    offset: offset + firstRow * rowBytes,
    length,
  })
  const width = rowBytes / DTYPE_BYTES[dtype]
  const storedAs = isUnused ? 'U8' : dtype
  const answer = await pool.run({ dtype: storedAs, bytes, width, form, factors: shared })
  const write = async (slot: Slot | undefined, part: Uint8Array | undefined) => {
    if (!slot || !part) return
    // Rows of every part lie behind each other.
    const at = slot.offset + (part.byteLength / rows) * firstRow
    await writeAll(output, part, dataStart + at)
  }
  switch (answer.type) {
    case 'kept':
      await write(values, answer.bytes)
      break
    case 'rows':
      await write(values, answer.rows.values)
      await write(scales, answer.rows.scales)
      await write(zeroPoints, answer.rows.zeroPoints)
      break
    case 'bad': {
      const element = firstRow * width + answer.index
      throw invalid(
        `tensor ${tensor.name}: element ${element} is NaN or infinite, expected finite numbers`,
      )
    }
    case 'failed':
      throw invalid(`tensor ${tensor.name} cannot be quantised: ${answer.message}`)
  }
  onBytes?.(length)
}

function invalid(message: string): AerieError {
  return new AerieError('invalid_package', message)
}
