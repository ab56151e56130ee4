/** Token embeddings in the checkpoint's own type; rows are widened when they are looked up. */
import { AerieError } from '../../errors.ts'
import { dequantiseRow, readQuantised } from '../../weights/quantised.ts'
import { storedBytes, toFloats } from '../../weights/stored-type.ts'
import type { Weights, WeightTensor } from '../../weights/weights.ts'
import type { Segment } from '../backend.ts'
import type { ModelFiles } from './model-files.ts'

/** Writes a row `[hidden]` to `target` from `offset` on. */
type WriteRow = (row: number, target: Float32Array, offset: number) => void

export class EmbeddingTable {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly #writeRow: WriteRow
  readonly #scale: number

  private constructor(shape: readonly number[], writeRow: WriteRow, scale: number) {
    const [vocabSize, hiddenSize] = shape as [number, number]
    this.vocabSize = vocabSize
    this.hiddenSize = hiddenSize
    this.#writeRow = writeRow
    this.#scale = scale
  }

  /** Reads the model's embedding, `[vocab, hidden]`. Throws `invalid_package`. */
  static async load({
    checkpoint,
    embeddingName: name,
    embeddingScale,
  }: Pick<ModelFiles, 'checkpoint' | 'embeddingName' | 'embeddingScale'>): Promise<EmbeddingTable> {
    const tensor = name === undefined ? undefined : checkpoint.tensors.get(name)
    if (tensor?.shape.length !== 2) {
      throw new AerieError(
        'invalid_package',
        `checkpoint: ${name ?? 'an embedding'} [vocab, hidden] is missing or of another rank`,
      )
    }
    return new EmbeddingTable(tensor.shape, await rowsOf(checkpoint, tensor), embeddingScale)
  }

  has(id: number): boolean {
    return id >= 0 && id < this.vocabSize
  }

  /** Writes the row of a known id, `[hidden]`, to `target` from `offset` on. */
  write(id: number, target: Float32Array, offset: number): void {
    this.#writeRow(id, target, offset)
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

async function rowsOf(checkpoint: Weights, tensor: WeightTensor): Promise<WriteRow> {
  const { quantisation, dtype, shape } = tensor
  if (quantisation) {
    const matrix = await readQuantised({ ...tensor, quantisation }, (part) =>
      checkpoint.readBytes(part),
    )
    return (row, target, offset) => dequantiseRow(matrix, row, target, offset)
  }
  const bytes = await checkpoint.readBytes(tensor)
  const rowBytes = storedBytes(dtype, shape[1]!)
  return (row, target, offset) =>
    target.set(toFloats(dtype, bytes.subarray(row * rowBytes, (row + 1) * rowBytes)), offset)
}
