/** A GGUF model in several files, as `gguf-split` of llama.cpp leaves it. */
import { join } from 'node:path'
import { type GgufToWrite, type MetadataValue, writeGguf } from './gguf-file.ts'

/** The first has the metadata; the tensors go round. */
export function splitGguf({ metadata, tensors }: GgufToWrite, count: number): GgufToWrite[] {
  const all = Object.entries(tensors)
  return Array.from({ length: count }, (_, no) => ({
    metadata: { ...(no === 0 ? metadata : {}), ...splitKeys(no, count, all.length) },
    tensors: Object.fromEntries(all.filter((_, i) => i % count === no)),
  }))
}

export function splitKeys(
  no: number,
  count: number,
  tensors: number,
): Record<string, MetadataValue> {
  return {
    'split.no': ['u16', no],
    'split.count': ['u16', count],
    'split.tensors.count': ['i32', tensors],
  }
}

/** The name of the shard with that number, from 1 on. */
export function shardFile(stem: string, number: number, count: number): string {
  const digits = (value: number) => String(value).padStart(5, '0')
  return `${stem}-${digits(number)}-of-${digits(count)}.gguf`
}

/** Writes them to a folder and returns the path of the first. */
export function writeShards(folder: string, stem: string, shards: readonly GgufToWrite[]): string {
  for (const [i, shard] of shards.entries())
    writeGguf(join(folder, shardFile(stem, i + 1, shards.length)), shard)
  return join(folder, shardFile(stem, 1, shards.length))
}
