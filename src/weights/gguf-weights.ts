/** The tensors of a GGUF model under their published names. */
import { type FileHandle, open } from 'node:fs/promises'
import { AerieError } from '../errors.ts'
import { readExactly } from './checkpoint.ts'
import { undoChange } from './converter-change.ts'
import { toFloats } from './stored-type.ts'
import type { Weights, WeightTensor } from './weights.ts'

export class GgufWeights implements Weights {
  readonly tensors: ReadonlyMap<string, WeightTensor>
  /** By path. */
  readonly #handles: ReadonlyMap<string, FileHandle>

  private constructor(
    tensors: ReadonlyMap<string, WeightTensor>,
    handles: ReadonlyMap<string, FileHandle>,
  ) {
    this.tensors = tensors
    this.#handles = handles
  }

  /** Opens the files in which these tensors lie; their names are unique. Throws `invalid_package`. */
  static async open(tensors: readonly WeightTensor[]): Promise<GgufWeights> {
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
    const handles = new Map<string, FileHandle>()
    const weights = new GgufWeights(byName, handles)
    for (const path of new Set(tensors.map(({ path }) => path))) {
      try {
        handles.set(path, await open(path, 'r'))
      } catch (cause) {
        await weights.close()
        throw new AerieError('invalid_package', `${path} cannot be opened`, { cause })
      }
    }
    return weights
  }

  async readBytes({ path, offset, byteLength }: WeightTensor): Promise<Uint8Array<ArrayBuffer>> {
    const handle = this.#handles.get(path)
    if (!handle) throw new Error(`${path} is not part of this model`)
    return await readExactly(handle, { path, offset, length: byteLength })
  }

  async readFloats(tensor: WeightTensor): Promise<Float32Array<ArrayBuffer>> {
    const values = toFloats(tensor.dtype, await this.readBytes(tensor))
    return tensor.change ? undoChange(values, tensor.shape, tensor.change) : values
  }

  async close(): Promise<void> {
    await Promise.all([...this.#handles.values()].map((handle) => handle.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
