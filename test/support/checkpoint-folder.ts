/** Small published checkpoints in folders of their own, for tests that change them. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { headerBytes } from './safetensors-file.ts'

const FIXTURES = resolve(import.meta.dirname, '../fixtures')

export interface HeaderEntry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** A fresh folder for a test; the caller removes it. */
export function scratchFolder(): string {
  return mkdtempSync(join(tmpdir(), 'aerie-import-'))
}

/** Copies a recorded case's checkpoint, writable, to `folder`, which it returns. */
export function copyCheckpoint(
  name: 'decoders/qwen2' | 'vila/vila15' | 'vila-u/understanding' | 'radio/radio-v25-norm-adaptors',
  folder: string,
): string {
  cpSync(join(FIXTURES, name, 'checkpoint'), folder, { recursive: true })
  return folder
}

/** Copies the text decoder with its weights in two files under an index, published in bfloat16 or as recorded. */
export function shardedCheckpoint(folder: string): string {
  copyCheckpoint('decoders/qwen2', folder)
  const { header, data } = readWeights(join(folder, 'model.safetensors'))
  const names = Object.keys(header)
  const half = Math.ceil(names.length / 2)
  const weightMap: Record<string, string> = {}
  for (const [i, part] of [names.slice(0, half), names.slice(half)].entries()) {
    const file = `model-0000${i + 1}-of-00002.safetensors`
    let offset = 0
    const shard: Record<string, HeaderEntry> = {}
    const pieces = part.map((name) => {
      const [start, end] = header[name]!.data_offsets
      shard[name] = { ...header[name]!, data_offsets: [offset, offset + end - start] }
      offset += end - start
      weightMap[name] = file
      return data.subarray(start, end)
    })
    const bytes = Buffer.concat([headerBytes(JSON.stringify(shard)), ...pieces])
    writeFileSync(join(folder, file), bytes)
  }
  writeFileSync(join(folder, 'model.safetensors'), '')
  writeFileSync(
    join(folder, 'model.safetensors.index.json'),
    JSON.stringify({ metadata: {}, weight_map: weightMap }),
  )
  return folder
}

/** Header and data of a file of weights. */
export function readWeights(path: string): {
  header: Record<string, HeaderEntry>
  data: Buffer
} {
  const bytes = readFileSync(path)
  const dataStart = 8 + Number(bytes.readBigUInt64LE())
  const { __metadata__: _, ...header } = JSON.parse(bytes.subarray(8, dataStart).toString())
  return { header, data: bytes.subarray(dataStart) }
}

/** Changes header, data or both of a file of weights in place. */
export function editWeights(
  path: string,
  edit: (header: Record<string, HeaderEntry>, data: Buffer) => void,
): void {
  const { header, data } = readWeights(path)
  edit(header, data)
  writeFileSync(path, Buffer.concat([headerBytes(JSON.stringify(header)), data]))
}

/** Changes a JSON file of a folder in place. */
export function editJson(path: string, edit: (value: Record<string, unknown>) => void): void {
  const value = JSON.parse(readFileSync(path, 'utf8'))
  edit(value)
  writeFileSync(path, JSON.stringify(value))
}

/** Every file below a folder with its content, by its path. */
export function readTree(folder: string, below = ''): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const name of readdirSync(join(folder, below)).sort()) {
    const path = below === '' ? name : `${below}/${name}`
    if (statSync(join(folder, path)).isDirectory()) {
      for (const entry of readTree(folder, path)) files.set(...entry)
    } else files.set(path, readFileSync(join(folder, path)))
  }
  return files
}

/** Makes the folder of a file, and writes it. */
export function writeBelow(folder: string, path: string, content: string | Uint8Array): void {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  writeFileSync(join(folder, path), content)
}
