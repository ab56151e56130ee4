/** Token embeddings in the checkpoint's own type; rows are widened when they are looked up. */
import { AerieError } from '../../errors.ts'
import type { Checkpoint, StoredTensor } from '../../weights/checkpoint.ts'
import { DTYPE_BYTES, toFloat32 } from '../../weights/dtype.ts'

export class EmbeddingTable {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly #tensor: StoredTensor
  readonly #bytes: Uint8Array<ArrayBuffer>

  private constructor(tensor: StoredTensor, bytes: Uint8Array<ArrayBuffer>) {
    const [vocabSize, hiddenSize] = tensor.shape as [number, number]
    this.vocabSize = vocabSize
    this.hiddenSize = hiddenSize
    this.#tensor = tensor
    this.#bytes = bytes
  }

  /** Reads the tensor `name`, `[vocab, hidden]`. Throws `invalid_package`. */
  static async load(checkpoint: Checkpoint, name: string): Promise<EmbeddingTable> {
    const tensor = checkpoint.tensors.get(name)
    if (tensor?.shape.length !== 2) {
      throw new AerieError(
        'invalid_package',
        `checkpoint: ${name} [vocab, hidden] is missing or of another rank`,
      )
    }
    return new EmbeddingTable(tensor, await checkpoint.readBytes(tensor))
  }

  has(id: number): boolean {
    return id >= 0 && id < this.vocabSize
  }

  /** Writes the row of a known id, `[hidden]`, to `target` from `offset` on. */
  write(id: number, target: Float32Array, offset: number): void {
    const rowBytes = this.hiddenSize * DTYPE_BYTES[this.#tensor.dtype]
    target.set(
      toFloat32(this.#tensor.dtype, this.#bytes.subarray(id * rowBytes, (id + 1) * rowBytes)),
      offset,
    )
  }
}
