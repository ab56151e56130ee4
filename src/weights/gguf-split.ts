/**
 * A model that is split over several GGUF files: the first holds the metadata, and each its own tensors.
 * Source: `gguf-split` and `llama_model_loader` of llama.cpp.
 */
import { basename, dirname, join } from 'node:path'
import { AerieError } from '../errors.ts'
import { shardName, shardOf } from '../gguf-name.ts'
import type { GgufTensor } from './gguf-header.ts'
import type { GgufMetadata } from './gguf-metadata.ts'

/** No published model comes near it. */
const MOST_SHARDS = 512

/** A GGUF file's header, and where it was read. */
export interface GgufHead {
  /** With every symbolic link followed. */
  readonly path: string
  /** Of the whole file. */
  readonly bytes: number
  readonly version: number
  readonly metadata: GgufMetadata
  readonly tensors: readonly GgufTensor[]
}

/** What counts of a shard behind the first. */
export type ShardTensors = Pick<GgufHead, 'path' | 'bytes' | 'tensors'>

/** A tensor and the file that it lies in. */
export interface PlacedGgufTensor extends GgufTensor {
  readonly path: string
}

/** A whole model, in one file or in several. */
export interface GgufFile extends Omit<GgufHead, 'bytes' | 'tensors'> {
  /** The first one at `path`. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  readonly tensors: readonly PlacedGgufTensor[]
}

/**
 * Paths of the other shards of the model whose first file was found at `path`; none for a model in one file. Throws
 * `invalid_package` for another shard than the first, and for a file whose name and keys disagree.
 */
export function otherShards(path: string, { metadata }: Pick<GgufHead, 'metadata'>): string[] {
  // Files that were joined again have a count of 0.
  const count = metadata.integer('split.count', 0)
  if (count <= 1) return []
  if (count > MOST_SHARDS) throw metadata.mismatch('split.count', `at most ${MOST_SHARDS}`)
  const name = basename(path)
  const shard = shardOf(name)
  if (shard?.count !== count)
    throw metadata.mismatch(
      'split.count',
      `the count in the file's name, ${shard?.count ?? 'none'}`,
    )
  if (shard.number !== 1)
    throw invalid(`shard ${shard.number} of ${count}, expected the first: ${shardName(name, 1)}`)
  return Array.from({ length: count - 1 }, (_, i) => join(dirname(path), shardName(name, i + 2)))
}

/**
 * The `index`-th shard of the model that begins with `first`, without its metadata, which may be large. Throws
 * `invalid_package`, naming the file, for a shard of another place or model.
 */
export function checkShard(
  first: GgufHead,
  index: number,
  { path, bytes, tensors, metadata }: GgufHead,
): ShardTensors {
  const count = first.metadata.integer('split.count')
  const architecture = first.metadata.string('general.architecture', '')
  const found: readonly (readonly [string, string | number, string | number])[] = [
    ['split.no', index, metadata.integer('split.no', -1)],
    ['split.count', count, metadata.integer('split.count', 0)],
    // The first says what the model is; what another says must not be of another one.
    ['general.architecture', architecture, metadata.string('general.architecture', architecture)],
  ]
  for (const [key, expected, value] of found)
    if (value !== expected)
      throw invalid(`${path}: ${metadata.mismatch(key, String(expected)).message}`)
  return { path, bytes, tensors }
}

/** The first file of a model and the others in the order of their numbers → the model. Throws `invalid_package`. */
export function joinShards(first: GgufHead, others: readonly ShardTensors[] = []): GgufFile {
  const { path, version, metadata } = first
  const shards = [first, ...others]
  const byName = new Map<string, PlacedGgufTensor>()
  for (const shard of shards) {
    for (const tensor of shard.tensors) {
      const other = byName.get(tensor.name)
      if (other) throw invalid(`tensor ${tensor.name} is in ${other.path} and in ${shard.path}`)
      byName.set(tensor.name, { ...tensor, path: shard.path })
    }
  }
  if (others.length > 0) {
    checkShard(first, 0, first)
    if (metadata.integer('split.tensors.count') !== byName.size)
      throw metadata.mismatch('split.tensors.count', `${byName.size}, as the shards have together`)
  }
  return {
    path,
    version,
    metadata,
    files: shards.map(({ path, bytes }) => ({ path, bytes })),
    tensors: [...byName.values()],
  }
}

function invalid(message: string): AerieError {
  return new AerieError('invalid_package', message)
}
