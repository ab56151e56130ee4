/**
 * Makes recorded cases small enough for `test/fixtures`: of its large tensors a case keeps every so many rows, from the
 * first one on, and says in expected.json which. `node bin/node.js test/support/cut-case.ts <case folder> …` changes the
 * folders in place; nothing else of them is touched, and a case that was cut is cut no further.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { KeptRows } from '../../src/parity/reference-case.ts'
import { headerBytes } from './safetensors-file.ts'

/** A tensor of more bytes loses rows until it has no more. */
export const LARGEST_BYTES = 4096

/** Fewer rows than these are left whole: what is kept of them would be one or two. */
const FEWEST_ROWS = 4

/** What stays whole, by the case's place: inputs of stages, and what tests beside the parity of the case read. */
const WHOLE: readonly (readonly [place: RegExp, tensor: RegExp])[] = [
  [/decoders/, /^long\.hidden0$/],
  [/eagle\/x5/, /^(eva\.out|sam\.out|pix2struct\.final_norm|fused|projected)$/],
  [/eagle2\/eagle2-moe/, /^pre_modes\.pixel_values$/],
  [/radio\/radio-v25/, /\.(summary|features)$/],
  [/starter/, /^(?!pixels$)/],
  [/vila\/vila15$/, /^r[013]\.(tower_features|tower_embeddings|downsampled|projector_output)$/],
  [/vila-m3\/transcripts/, /^op_norm\./],
  [/vila-u\/generation/, /(^sampler\.logits|\.body|\.prefill_hidden)$/],
]

interface Entry {
  readonly dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** Every how many rows of a tensor stay, or undefined for all of them. */
function rowsToKeep(place: string, name: string, { dtype, shape, data_offsets }: Entry) {
  const [start, end] = data_offsets
  const rows = shape.at(-2) ?? 0
  const isExcepted = WHOLE.some(([where, what]) => where.test(place) && what.test(name))
  if (dtype !== 'F32' || end - start <= LARGEST_BYTES || rows < FEWEST_ROWS || isExcepted)
    return undefined
  return { every: Math.min(Math.ceil((end - start) / LARGEST_BYTES), rows - 1), of: rows }
}

/** The bytes of the kept rows; rows lie along the axis before the last. */
export function keepRows(
  bytes: Uint8Array,
  shape: readonly number[],
  { every, of }: KeptRows,
): Buffer {
  const row = bytes.length / shape.slice(0, -1).reduce((a, b) => a * b, 1)
  return Buffer.concat(
    Array.from({ length: bytes.length / row }, (_, i) => i)
      .filter((i) => (i % of) % every === 0)
      .map((i) => bytes.subarray(i * row, (i + 1) * row)),
  )
}

/** Cuts the case in `folder`. Throws where its files are not those of one. */
export function cutCase(folder: string): void {
  const [jsonPath, tensorPath] = ['expected.json', 'expected.safetensors'].map((file) =>
    join(folder, file),
  ) as [string, string]
  const text = readFileSync(jsonPath, 'utf8').trimEnd()
  if (!existsSync(tensorPath) || 'cut' in JSON.parse(text)) return
  const bytes = readFileSync(tensorPath)
  const dataStart = 8 + Number(bytes.readBigUInt64LE())
  const { __metadata__, ...header } = JSON.parse(bytes.subarray(8, dataStart).toString()) as Record<
    string,
    Entry
  >
  const cut: Record<string, KeptRows> = {}
  const parts: Uint8Array[] = []
  let offset = 0
  for (const [name, entry] of Object.entries(header)) {
    const [start, end] = entry.data_offsets
    let part: Uint8Array = bytes.subarray(dataStart + start, dataStart + end)
    const kept = rowsToKeep(folder, name, entry)
    if (kept) {
      part = keepRows(part, entry.shape, kept)
      cut[name] = kept
      entry.shape = entry.shape.with(-2, Math.ceil(kept.of / kept.every))
    }
    entry.data_offsets = [offset, offset + part.length]
    offset += part.length
    parts.push(part)
  }
  if (Object.keys(cut).length === 0) return
  const head = __metadata__ ? { __metadata__, ...header } : header
  writeFileSync(tensorPath, Buffer.concat([headerBytes(JSON.stringify(head)), ...parts]))
  // Behind everything that the case says: no other byte of the file changes.
  writeFileSync(jsonPath, `${text.slice(0, -1).trimEnd()},\n"cut": ${JSON.stringify(cut)}}\n`)
}

if (import.meta.main) for (const folder of process.argv.slice(2)) cutCase(resolve(folder))
