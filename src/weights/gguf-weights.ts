/** The tensors of a GGUF file under their published names. */
import { type FileHandle, open } from 'node:fs/promises'
import { AerieError } from '../errors.ts'
import { readExactly } from './checkpoint.ts'
import { undoChange } from './converter-change.ts'
import { toFloats } from './stored-type.ts'
import type { Weights, WeightTensor } from './weights.ts'

export class GgufWeights implements Weights {
  readonly tensors: ReadonlyMap<string, WeightTensor>
  readonly #handle: FileHandle

  private constructor(tensors: ReadonlyMap<string, WeightTensor>, handle: FileHandle) {
    this.tensors = tensors
    this.#handle = handle
  }

  /** Opens the file at `path`, in which all of these tensors lie; their names are unique. Throws `invalid_package`. */
  static async open(path: string, tensors: readonly WeightTensor[]): Promise<GgufWeights> {
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
    try {
      return new GgufWeights(byName, await open(path, 'r'))
    } catch (cause) {
      throw new AerieError('invalid_package', `${path} cannot be opened`, { cause })
    }
  }

  async readBytes({ path, offset, byteLength }: WeightTensor): Promise<Uint8Array<ArrayBuffer>> {
    return await readExactly(this.#handle, { path, offset, length: byteLength })
  }

  async readFloats(tensor: WeightTensor): Promise<Float32Array<ArrayBuffer>> {
    const values = toFloats(tensor.dtype, await this.readBytes(tensor))
    return tensor.change ? undoChange(values, tensor.shape, tensor.change) : values
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
