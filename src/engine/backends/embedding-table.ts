/** Token embeddings in the checkpoint's own type; rows are widened when they are looked up. */
import { closeSync, openSync, readSync } from 'node:fs'
import { AerieError } from '../../errors.ts'
import {
  dequantiseRow,
  type QuantisedMatrix,
  readQuantised,
  storedParts,
} from '../../weights/quantised.ts'
import { storedBytes, toFloats } from '../../weights/stored-type.ts'
import type { Weights, WeightTensor } from '../../weights/weights.ts'
import type { Segment } from '../backend.ts'
import type { ModelFiles } from './model-files.ts'

interface Rows {
  /** Writes a row `[hidden]` to `target` from `offset` on. */
  write(row: number, target: Float32Array, offset: number): void
  close?(): void
}

type Place = Pick<WeightTensor, 'path' | 'offset' | 'byteLength'>

export class EmbeddingTable {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly #rows: Rows
  readonly #scale: number

  private constructor(shape: readonly number[], rows: Rows, scale: number) {
    const [vocabSize, hiddenSize] = shape as [number, number]
    this.vocabSize = vocabSize
    this.hiddenSize = hiddenSize
    this.#rows = rows
    this.#scale = scale
  }

  /**
   * Reads the model's embedding, `[vocab, hidden]`. With `staysInFile` a row is read when it is looked up, from the system's
   * page cache, which all processes have together: for files that nobody changes. Throws `invalid_package`.
   */
  static async load(
    {
      checkpoint,
      embeddingName: name,
      embeddingScale,
    }: Pick<ModelFiles, 'checkpoint' | 'embeddingName' | 'embeddingScale'>,
    { staysInFile = false } = {},
  ): Promise<EmbeddingTable> {
    const tensor = name === undefined ? undefined : checkpoint.tensors.get(name)
    if (tensor?.shape.length !== 2) {
      throw new AerieError(
        'invalid_package',
        `checkpoint: ${name ?? 'an embedding'} [vocab, hidden] is missing or of another rank`,
      )
    }
    const rows = staysInFile ? rowsInFile(tensor) : await rowsInMemory(checkpoint, tensor)
    return new EmbeddingTable(tensor.shape, rows, embeddingScale)
  }

  /** No row can be looked up afterwards. */
  close(): void {
    this.#rows.close?.()
  }

  has(id: number): boolean {
    return id >= 0 && id < this.vocabSize
  }

  /** Writes the row of a known id, `[hidden]`, to `target` from `offset` on. */
  write(id: number, target: Float32Array, offset: number): void {
    this.#rows.write(id, target, offset)
    if (this.#scale === 1) return
    for (let i = offset; i < offset + this.hiddenSize; i++) target[i] = target[i]! * this.#scale
  }

  /** A prompt's `[steps, hidden]`: rows of known ids, and features as they are. */
  embed(prompt: readonly Segment[]): Float32Array<ArrayBuffer> {
    const { hiddenSize } = this
    const sizeOf = (segment: Segment) =>
      segment.kind === 'tokens' ? segment.ids.length * hiddenSize : segment.data.length
    const all = new Float32Array(prompt.reduce((sum, segment) => sum + sizeOf(segment), 0))
    let at = 0
    for (const segment of prompt) {
      if (segment.kind === 'embeddings') all.set(segment.data, at)
      else for (const [i, id] of segment.ids.entries()) this.write(id, all, at + i * hiddenSize)
      at += sizeOf(segment)
    }
    return all
  }
}

async function rowsInMemory(checkpoint: Weights, tensor: WeightTensor): Promise<Rows> {
  const { quantisation, dtype, shape } = tensor
  if (quantisation) {
    const matrix = await readQuantised({ ...tensor, quantisation }, (part) =>
      checkpoint.readBytes(part),
    )
    return { write: (row, target, offset) => dequantiseRow(matrix, row, target, offset) }
  }
  const bytes = await checkpoint.readBytes(tensor)
  const rowBytes = storedBytes(dtype, shape[1]!)
  return {
    write: (row, target, offset) =>
      target.set(toFloats(dtype, bytes.subarray(row * rowBytes, (row + 1) * rowBytes)), offset),
  }
}

function rowsInFile({ quantisation, ...tensor }: WeightTensor): Rows {
  const [count, width] = tensor.shape as readonly [number, number]
  // All at once: whatever becomes of the paths later, rows are those of the files that were checked.
  const files = openFiles(storedParts({ ...tensor, ...(quantisation && { quantisation }) }))
  const read = ({ path, offset }: Place, start: number, length: number) => {
    const file = files.get(path)
    if (file === undefined)
      throw new AerieError('backend_failure', `${path}: the embedding is closed`)
    const bytes = new Uint8Array(length)
    if (readSync(file, bytes, 0, length, offset + start) === length) return bytes
    throw new AerieError('backend_failure', `${path} ends before byte ${offset + start + length}`)
  }
  const rowOf = (part: Place, row: number) => {
    const rowBytes = part.byteLength / count
    return read(part, row * rowBytes, rowBytes)
  }
  const close = () => closeFiles(files)
  if (!quantisation) {
    const { dtype } = tensor
    return {
      write: (row, target, offset) => target.set(toFloats(dtype, rowOf(tensor, row)), offset),
      close,
    }
  }
  const { bits, group, isSigned, scales, zeroPoints, lowRank } = quantisation
  const floats = (part: Place & Pick<WeightTensor, 'dtype'>, row: number) =>
    toFloats(part.dtype, rowOf(part, row))
  // Of all rows together.
  const down = lowRank && read(lowRank.down, 0, lowRank.down.byteLength)
  return {
    write(row, target, offset) {
      const matrix: QuantisedMatrix = {
        ...{ bits, group, isSigned },
        shape: [1, width],
        values: rowOf(tensor, row),
        scales: floats(scales, row),
        ...(zeroPoints && { zeroPoints: rowOf(zeroPoints, row) }),
        ...(lowRank && {
          lowRank: {
            rank: lowRank.down.shape[0]!,
            down: toFloats(lowRank.down.dtype, down!),
            up: floats(lowRank.up, row),
          },
        }),
      }
      dequantiseRow(matrix, 0, target, offset)
    },
    close,
  }
}

/** Path → descriptor. Throws `invalid_package` with none left open. */
function openFiles(parts: readonly Pick<Place, 'path'>[]): Map<string, number> {
  const files = new Map<string, number>()
  for (const { path } of parts) {
    if (files.has(path)) continue
    try {
      files.set(path, openSync(path, 'r'))
    } catch (cause) {
      closeFiles(files)
      throw new AerieError('invalid_package', `${path}: ${(cause as Error).message}`, { cause })
    }
  }
  return files
}

function closeFiles(files: Map<string, number>): void {
  for (const file of files.values()) closeSync(file)
  files.clear()
}
