/** Token embeddings in the checkpoint's own type; rows are widened when they are looked up. */
import { AerieError } from '../../errors.ts'
import { storedBytes, toFloats } from '../../weights/stored-type.ts'
import type { WeightTensor } from '../../weights/weights.ts'
import type { ModelFiles } from './model-files.ts'

export class EmbeddingTable {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly #tensor: WeightTensor
  readonly #bytes: Uint8Array<ArrayBuffer>

  readonly #scale: number

  private constructor(tensor: WeightTensor, bytes: Uint8Array<ArrayBuffer>, scale: number) {
    const [vocabSize, hiddenSize] = tensor.shape as [number, number]
    this.vocabSize = vocabSize
    this.hiddenSize = hiddenSize
    this.#tensor = tensor
    this.#bytes = bytes
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
    return new EmbeddingTable(tensor, await checkpoint.readBytes(tensor), embeddingScale)
  }

  has(id: number): boolean {
    return id >= 0 && id < this.vocabSize
  }

  /** Writes the row of a known id, `[hidden]`, to `target` from `offset` on. */
  write(id: number, target: Float32Array, offset: number): void {
    const rowBytes = storedBytes(this.#tensor.dtype, this.hiddenSize)
    const row = this.#bytes.subarray(id * rowBytes, (id + 1) * rowBytes)
    target.set(toFloats(this.#tensor.dtype, row), offset)
    if (this.#scale === 1) return
    for (let i = offset; i < offset + this.hiddenSize; i++) target[i] = target[i]! * this.#scale
  }
}
