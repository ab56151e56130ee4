/** The tensors of a checkpoint folder: one safetensors file, or several under an index. */
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { AerieError } from '../errors.ts'
import { resolveInside } from '../model-folder.ts'
import { readIndex } from './checkpoint-index.ts'
import { toFloat32 } from './dtype.ts'
import { dequantise, foldQuantised, type Quantisation, readQuantised } from './quantised.ts'
import { headerLength, PREFIX_BYTES, parseHeader, type TensorEntry } from './safetensors.ts'

/** A tensor and the file that it lies in. */
export interface StoredTensor extends TensorEntry {
  /** Path of the file with every symbolic link followed: hub caches are full of them. */
  readonly path: string
  /** Set for a quantised weight, see `quantised.ts`. */
  readonly quantisation?: Quantisation
}

/** A file of weights. */
export interface WeightFile {
  /** Below the opened folder, with `/`, as the folder spells it. */
  readonly name: string
  /** As in {@link StoredTensor}. */
  readonly path: string
  readonly bytes: number
}

interface OpenFile extends WeightFile {
  readonly handle: FileHandle
}

const SINGLE_FILE = 'model.safetensors'

/** The tensors of an opened folder. Nothing is read but the headers until a tensor is asked for. */
export class Checkpoint {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** By path. */
  readonly #files: ReadonlyMap<string, OpenFile>

  private constructor(
    tensors: ReadonlyMap<string, StoredTensor>,
    files: ReadonlyMap<string, OpenFile>,
  ) {
    this.tensors = tensors
    this.#files = files
  }

  /**
   * Opens `model.safetensors`, or the files that `model.safetensors.index.json` lists. Throws
   * `invalid_package`.
   */
  static async open(directory: string): Promise<Checkpoint> {
    return await Checkpoint.#open(directory, '', await readIndex(directory))
  }

  /**
   * Opens sub-folders, each as `open` does, as one checkpoint: the name of the folder and a dot come before the names
   * of its tensors. Throws `invalid_package`.
   */
  static async openParts(directory: string, folders: readonly string[]): Promise<Checkpoint> {
    const parts: Checkpoint[] = []
    try {
      for (const folder of folders) {
        // A folder that is a link out would make everything below it look as if it were inside.
        await resolveInside(directory, folder)
        const index = await readIndex(join(directory, folder))
        parts.push(await Checkpoint.#open(directory, `${folder}/`, index))
      }
    } catch (error) {
      await Promise.all(parts.map((part) => part.close()))
      throw error
    }
    const tensors = parts.flatMap((part, i) =>
      [...part.tensors.values()].map((tensor) => {
        const name = `${folders[i]}.${tensor.name}`
        return [name, { ...tensor, name }] as const
      }),
    )
    return new Checkpoint(new Map(tensors), new Map(parts.flatMap((part) => [...part.#files])))
  }

  /** Opens one file of a folder by its name. Throws `invalid_package`. */
  static async openFile(directory: string, file: string): Promise<Checkpoint> {
    return await Checkpoint.#open(directory, '', undefined, file)
  }

  static async #open(
    directory: string,
    prefix: string,
    index: ReadonlyMap<string, string> | undefined,
    single = SINGLE_FILE,
  ): Promise<Checkpoint> {
    const files = new Map<string, OpenFile>()
    const tensors = new Map<string, StoredTensor>()
    let folded: Map<string, StoredTensor>
    try {
      for (const file of index ? new Set(index.values()) : [single]) {
        const opened = await openFile(directory, prefix + file)
        const { path } = opened
        if (files.has(path)) {
          await opened.handle.close()
          throw invalid(`${opened.name} and ${files.get(path)!.name} are the same file`)
        }
        files.set(path, opened)
        for (const entry of await readHeader(opened)) {
          const other = tensors.get(entry.name)
          if (other) throw invalid(`tensor ${entry.name} is in ${other.path} and in ${path}`)
          if (index && index.get(entry.name) !== file)
            throw invalid(`${path} has tensor ${entry.name}, which the index does not place there`)
          tensors.set(entry.name, { ...entry, path })
        }
      }
      for (const [name, file] of index ?? []) {
        if (!tensors.has(name))
          throw invalid(
            `the index places tensor ${name} in ${join(directory, prefix + file)}, which lacks it`,
          )
      }
      folded = foldQuantised(tensors)
    } catch (error) {
      await closeAll(files)
      throw error
    }
    return new Checkpoint(folded, files)
  }

  /** In the order in which they were opened. */
  get files(): WeightFile[] {
    return [...this.#files.values()].map(({ name, path, bytes }) => ({ name, path, bytes }))
  }

  /** The stored bytes of a tensor. */
  async readBytes({
    path,
    offset,
    byteLength,
  }: Pick<StoredTensor, 'path' | 'offset' | 'byteLength'>): Promise<Uint8Array<ArrayBuffer>> {
    const handle = this.#files.get(path)?.handle
    if (!handle) throw new Error(`${path} is not part of this checkpoint`)
    return readExactly(handle, { path, offset, length: byteLength })
  }

  /** The values of a tensor as floats, in row-major order. */
  async readFloats(tensor: StoredTensor): Promise<Float32Array<ArrayBuffer>> {
    const { quantisation } = tensor
    if (quantisation) {
      const matrix = await readQuantised({ ...tensor, quantisation }, (part) =>
        this.readBytes(part),
      )
      return dequantise(matrix)
    }
    return toFloat32(tensor.dtype, await this.readBytes(tensor))
  }

  async close(): Promise<void> {
    await closeAll(this.#files)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

async function openFile(directory: string, name: string): Promise<OpenFile> {
  const path = await resolveInside(directory, name)
  if (path === undefined) throw invalid(`${join(directory, name)} cannot be opened: it is missing`)
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    const found = await handle.stat()
    if (!found.isFile()) throw new Error('it is a folder')
    return { name, path, bytes: found.size, handle }
  } catch (cause) {
    await handle?.close()
    throw invalid(`${join(directory, name)} cannot be opened: ${(cause as Error).message}`, cause)
  }
}

async function readHeader({ handle, path, bytes: size }: OpenFile): Promise<TensorEntry[]> {
  try {
    const prefix = await readExactly(handle, {
      path,
      offset: 0,
      length: Math.min(PREFIX_BYTES, size),
    })
    const length = headerLength(prefix, size)
    return parseHeader(await readExactly(handle, { path, offset: PREFIX_BYTES, length }), size)
  } catch (error) {
    if (error instanceof AerieError) throw invalid(`${path}: ${error.message}`, error)
    throw error
  }
}

interface Range {
  readonly path: string
  readonly offset: number
  readonly length: number
}

/** Reads until all is there; a file that shrank under us is damaged, not short. */
export async function readExactly(
  handle: FileHandle,
  { path, offset, length }: Range,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
    if (bytesRead === 0) throw invalid(`${path} ends at byte ${offset + done}`)
    done += bytesRead
  }
  return bytes
}

async function closeAll(files: ReadonlyMap<string, OpenFile>): Promise<void> {
  await Promise.all([...files.values()].map(({ handle }) => handle.close()))
}

function invalid(message: string, cause?: unknown): AerieError {
  return new AerieError('invalid_package', message, { cause })
}
