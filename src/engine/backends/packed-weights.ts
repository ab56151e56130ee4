/**
 * Weights as the native runtime reads them, packed when the model was imported: a safetensors file of blocks (U8, each from a
 * multiple of 64 bytes on) that every process maps and none copies.
 */
import { open } from 'node:fs/promises'
import type { NativeWeight } from '../../../models/graph/native/lower.ts'
import type { Program } from '../../../models/graph/native/program.ts'
import { AerieError } from '../../errors.ts'
import { readExactly } from '../../weights/checkpoint.ts'
import {
  headerLength,
  PREFIX_BYTES,
  parseHeader,
  parseMetadata,
  type TensorEntry,
} from '../../weights/safetensors.ts'
import type { BackendOptions } from '../backend.ts'
import type { NativeAddon, NativeBlock, NativeFile } from './native-addon.ts'

/** What blocks begin at multiples of. */
export const BLOCK_ALIGNMENT = 64
/** In the file's `__metadata__`: version of the form of its blocks. */
export const VERSION_KEY = 'packed_version'
/** How many of its blocks are 2:4; not there where none is. */
export const SPARSE_KEY = 'sparse24'

const ANEW =
  'they are packed at each start; the same `aerie import …` with --force makes the package anew'

/** A packed weight that a program asks for. */
export interface WantedBlock {
  /** Tells it from all others of the model. */
  readonly name: string
  readonly weight: NativeWeight
  /** Of the weight that it is, or is rows of, in the graphs. */
  readonly weightName: string
  /** Elements of a row that share a scale, 0 for all of them; undefined for floats. */
  readonly group: number | undefined
}

/** The blocks that a program asks for, by the number of the weight; those that are computed have no name that would last. */
export function wantedBlocks(
  program: Program,
  weights: readonly NativeWeight[],
): ReadonlyMap<number, WantedBlock> {
  const blocks = new Map<number, WantedBlock>()
  for (const instruction of program.code) {
    if (instruction.op !== 'linear') continue
    const weight = weights[instruction.linear]!
    if (!('weight' in weight.source)) continue
    const { type, group: size = 0 } = program.values[instruction.in[0]!]!
    const group = type === 'q8' ? size : undefined
    const name = `${weight.name} ${weight.shape.join('×')} ${group === undefined ? 'floats' : group || 'rows'}`
    const weightName = weight.source.weight.name
    blocks.set(instruction.linear, { name, weight, weightName, group })
  }
  return blocks
}

export class PackedWeights implements Disposable {
  readonly #path: string
  readonly #file: NativeFile
  readonly #entries: ReadonlyMap<string, TensorEntry>
  #taken = 0
  #bytes = 0
  readonly #missing: string[] = []
  /** Parts: another picture's size makes another session of the same weights. */
  readonly #described = new Set<string>()

  private constructor(path: string, file: NativeFile, entries: ReadonlyMap<string, TensorEntry>) {
    this.#path = path
    this.#file = file
    this.#entries = entries
  }

  /**
   * Maps the file that the options name; undefined where they name none, and, with a remark, where this runtime reads another
   * version. Throws `invalid_package`.
   */
  static async open(
    { packedWeights: path, remark }: Pick<BackendOptions, 'packedWeights' | 'remark'>,
    addon: NativeAddon,
  ): Promise<PackedWeights | undefined> {
    if (path === undefined) return undefined
    const { version, entries } = await readPackedHeader(path)
    if (version !== String(addon.packedVersion)) {
      const what = `${path} has packed weights of version ${version ?? 'none'}, this runtime reads ${addon.packedVersion}`
      remark?.(`${what}: ${ANEW}`)
      return undefined
    }
    try {
      return new PackedWeights(path, addon.mapFile(path), entries)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      // Some network file systems map nothing.
      if (code !== 'ERR_SYSTEM') throw invalid(path, message, error)
      remark?.(`${message}: the weights are packed at each start`)
      return undefined
    }
  }

  /** Undefined when it is not in the file. */
  find({ name }: WantedBlock): NativeBlock | undefined {
    const entry = this.#entries.get(name)
    if (!entry) {
      this.#missing.push(name)
      return undefined
    }
    this.#taken++
    this.#bytes += entry.byteLength
    return { file: this.#file, offset: entry.offset, bytes: entry.byteLength }
  }

  /** For the log, once a part: what became of the weights that it asked for since the last call. */
  describe(part: string): string | undefined {
    const text = this.#described.has(part) ? undefined : this.#text(part)
    this.#described.add(part)
    this.#taken = 0
    this.#bytes = 0
    this.#missing.length = 0
    return text
  }

  #text(part: string): string {
    const megabytes = (this.#bytes / 1e6).toFixed(1)
    const how = this.#file.isReadInPlace
      ? 'are mapped from'
      : 'are copied, as the file system has no large pages, from'
    const mapped = `${part}: ${this.#taken} packed weights (${megabytes} MB) ${how} ${this.#path}`
    const [first] = this.#missing
    if (first === undefined) return mapped
    return `${mapped}; ${this.#missing.length} are not in it (${first}): ${ANEW}`
  }

  /** What was found stays mapped as long as its program. */
  [Symbol.dispose](): void {
    this.#file.close()
  }
}

/** What stands in such a file. Throws `invalid_package`. */
export async function readPackedHeader(path: string): Promise<{
  version: string | undefined
  sparse24: number
  entries: ReadonlyMap<string, TensorEntry>
}> {
  try {
    await using file = await open(path, 'r')
    const { size } = await file.stat()
    const read = (offset: number, length: number) => readExactly(file, { path, offset, length })
    const prefix = await read(0, Math.min(PREFIX_BYTES, size))
    const header = await read(PREFIX_BYTES, headerLength(prefix, size))
    const entries = parseHeader(header, size)
    for (const { name, dtype, offset } of entries) {
      if (dtype !== 'U8' || offset % BLOCK_ALIGNMENT !== 0)
        throw new Error(`${name} is ${dtype} at byte ${offset}, expected U8 at a multiple of 64`)
    }
    const metadata = parseMetadata(header)
    return {
      version: metadata.get(VERSION_KEY),
      sparse24: Number(metadata.get(SPARSE_KEY) ?? 0),
      entries: new Map(entries.map((entry) => [entry.name, entry])),
    }
  } catch (cause) {
    throw invalid(path, (cause as Error).message, cause)
  }
}

function invalid(path: string, what: string, cause: unknown): AerieError {
  return new AerieError('invalid_package', `${path}: ${what}`, { cause })
}
