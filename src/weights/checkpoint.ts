/** A checkpoint folder's tensors: one safetensors file or several under an index, read one tensor at a time. */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AerieError } from '../errors.ts'
import { type Dtype, toFloat32 } from './dtype.ts'
import { headerLength, PREFIX_BYTES, parseHeader, type TensorEntry } from './safetensors.ts'

/** Where a tensor lies: its place in `file`, a plain name inside the checkpoint's folder. */
export interface StoredTensor extends TensorEntry {
  readonly file: string
}

const SINGLE_FILE = 'model.safetensors'
const INDEX_FILE = 'model.safetensors.index.json'

/** The tensors of an opened folder. Nothing is read but the headers until a tensor is asked for. */
export class Checkpoint {
  readonly directory: string
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly #files: ReadonlyMap<string, FileHandle>

  private constructor(
    directory: string,
    tensors: ReadonlyMap<string, StoredTensor>,
    files: ReadonlyMap<string, FileHandle>,
  ) {
    this.directory = directory
    this.tensors = tensors
    this.#files = files
  }

  /** Opens `model.safetensors`, or the files that `model.safetensors.index.json` lists. Throws `invalid_package`. */
  static async open(directory: string): Promise<Checkpoint> {
    const index = await readIndex(directory)
    const names = index ? new Set(index.values()) : [SINGLE_FILE]
    const files = new Map<string, FileHandle>()
    const tensors = new Map<string, StoredTensor>()
    try {
      for (const file of names) {
        const handle = await openFile(directory, file)
        files.set(file, handle)
        for (const entry of await readHeader(handle, file)) {
          if (tensors.has(entry.name))
            throw invalid(
              `tensor ${entry.name} is in ${tensors.get(entry.name)?.file} and in ${file}`,
            )
          tensors.set(entry.name, { ...entry, file })
        }
      }
      for (const [name, file] of index ?? []) {
        if (tensors.get(name)?.file !== file)
          throw invalid(`the index places tensor ${name} in ${file}, which lacks it`)
      }
    } catch (error) {
      await closeAll(files)
      throw error
    }
    return new Checkpoint(directory, tensors, files)
  }

  /** The stored bytes of a tensor. */
  async readBytes(tensor: StoredTensor): Promise<Uint8Array<ArrayBuffer>> {
    const handle = this.#files.get(tensor.file)
    if (!handle) throw new Error(`${tensor.file} is not part of this checkpoint`)
    return readExactly(handle, tensor.offset, tensor.byteLength, tensor.file)
  }

  /** The values of a tensor as floats, in row-major order. */
  async readFloats(tensor: StoredTensor): Promise<Float32Array<ArrayBuffer>> {
    return toFloat32(tensor.dtype as Dtype, await this.readBytes(tensor))
  }

  async close(): Promise<void> {
    await closeAll(this.#files)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Tensor name → file name, or undefined when the folder has no index. */
async function readIndex(directory: string): Promise<Map<string, string> | undefined> {
  let text: string
  try {
    text = await readFile(join(directory, INDEX_FILE), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw invalid(`${INDEX_FILE} cannot be read`, error)
  }
  let map: unknown
  try {
    map = (JSON.parse(text) as { weight_map?: unknown } | null)?.weight_map
  } catch (cause) {
    throw invalid(`${INDEX_FILE} is not valid JSON`, cause)
  }
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw invalid(`${INDEX_FILE} has no weight_map`)
  const files = new Map<string, string>()
  for (const [name, file] of Object.entries(map)) {
    // A name with a separator would lead out of the folder.
    if (typeof file !== 'string' || !/^[\w-][\w.-]*\.safetensors$/.test(file)) {
      throw invalid(
        `${INDEX_FILE} places tensor ${name} in ${JSON.stringify(file)}, which is not a file name`,
      )
    }
    files.set(name, file)
  }
  return files
}

async function openFile(directory: string, file: string): Promise<FileHandle> {
  try {
    return await open(join(directory, file), 'r')
  } catch (cause) {
    throw invalid(`${join(directory, file)} cannot be opened`, cause)
  }
}

async function readHeader(handle: FileHandle, file: string): Promise<TensorEntry[]> {
  const { size } = await handle.stat()
  try {
    const prefix = await readExactly(handle, 0, Math.min(PREFIX_BYTES, size), file)
    const header = await readExactly(handle, PREFIX_BYTES, headerLength(prefix, size), file)
    return parseHeader(header, size)
  } catch (error) {
    if (error instanceof AerieError) throw invalid(`${file}: ${error.message}`, error)
    throw error
  }
}

/** `pread` until all is there; a file that shrank under us is damaged, not short. */
async function readExactly(
  handle: FileHandle,
  offset: number,
  length: number,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
    if (bytesRead === 0) throw invalid(`${file} ends at byte ${offset + done}`)
    done += bytesRead
  }
  return bytes
}

async function closeAll(files: ReadonlyMap<string, FileHandle>): Promise<void> {
  await Promise.all([...files.values()].map((handle) => handle.close()))
}

function invalid(message: string, cause?: unknown): AerieError {
  return new AerieError('invalid_package', message, cause === undefined ? {} : { cause })
}
