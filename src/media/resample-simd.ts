/** The two passes of `resample.ts` in WebAssembly's SIMD: the same integers as in plain TypeScript, many times as fast. */
import type { ColumnResizer, Resizers, RowResizer } from './resample-plain.ts'
import {
  BATCH,
  COLUMN_TAPS,
  columnProgram,
  OUTPUT_BYTES,
  PAIR_BYTES,
  ROW_TAPS,
  rowProgram,
  SPAN,
  SPLIT,
} from './resample-programs.ts'
import type { Taps } from './resample-taps.ts'
import { assemble, op } from './wasm-module.ts'

const LOW = (1 << SPLIT) - 1
const PAGE = 65_536

/** A program and memory for it. */
interface Instance {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly run: (...integers: number[]) => void
}

/** Memory larger than this is left to the garbage collector. */
const MAX_KEPT_BYTES = 8 * 2 ** 20

/** A program whose memory is kept for the next picture: to touch fresh pages takes longer than to resize what lies in them. */
class Program {
  readonly #module: WebAssembly.Module
  #kept: Instance | undefined

  constructor(code: Uint8Array<ArrayBuffer>) {
    this.#module = new WebAssembly.Module(code)
  }

  /** With at least so many bytes, which hold anything. */
  instance(bytes: number): Instance {
    if (this.#kept && this.#kept.bytes.length >= bytes) return this.#kept
    const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) })
    const { exports } = new WebAssembly.Instance(this.#module, { env: { memory } })
    const made = {
      bytes: new Uint8Array(memory.buffer),
      // The one export, by construction.
      run: exports['run'] as Instance['run'],
    }
    if (bytes <= MAX_KEPT_BYTES) this.#kept = made
    return made
  }
}

/** Undefined where this machine has no such instructions. */
export const SIMD: Resizers | undefined = hasSimd() ? simdResizers() : undefined

function simdResizers(): Resizers {
  const rows = new Program(rowProgram())
  const columns = new Program(columnProgram())
  return {
    rows: (width, taps) => rowResizer(rows, width, taps),
    columns: (width, from, taps) => columnResizer(columns, width, from, taps),
  }
}

function rowResizer(program: Program, width: number, taps: Taps): RowResizer {
  const table = tapTable(taps, { at: ROW_TAPS, inputBytes: 3 })
  const sourceBytes = width * 3
  const targetBytes = taps.first.length * 3
  const [targetAt, tableAt, end] = layout(
    BATCH * sourceBytes + ROW_TAPS * 3 + 2,
    BATCH * targetBytes,
    table.byteLength,
  )
  const { bytes, run } = program.instance(end)
  bytes.set(table, tableAt)
  const weightsAt = tableAt + taps.first.length * OUTPUT_BYTES
  return {
    batch: BATCH,
    input: bytes.subarray(0, BATCH * sourceBytes),
    resize: (rows, target, to) => {
      run(0, sourceBytes, targetAt, targetBytes, tableAt, weightsAt, taps.first.length)
      target.set(bytes.subarray(targetAt, targetAt + rows * targetBytes), to)
    },
  }
}

function columnResizer(program: Program, width: number, from: number, taps: Taps): ColumnResizer {
  const rowBytes = width * 3
  const table = tapTable(taps, { at: COLUMN_TAPS, inputBytes: rowBytes })
  const targetBytes = taps.first.length * rowBytes
  const [targetAt, tableAt, end] = layout(
    (from + 1) * rowBytes + SPAN,
    targetBytes + SPAN,
    table.byteLength,
  )
  const { bytes, run } = program.instance(end)
  bytes.set(table, tableAt)
  const weightsAt = tableAt + taps.first.length * OUTPUT_BYTES
  return {
    input: bytes.subarray(0, from * rowBytes),
    resize: () => {
      run(0, rowBytes, targetAt, tableAt, weightsAt, taps.first.length)
      return bytes.slice(targetAt, targetAt + targetBytes)
    },
  }
}

/** Where parts of these sizes begin when one lies behind the other, from the second on, and where the last ends. */
function layout(...sizes: [number, number, number]): [number, number, number] {
  let end = 0
  return sizes.map((size) => (end += Math.ceil(size / 16) * 16)) as [number, number, number]
}

/** Outputs, then weights, as a program reads them that takes so many taps `at` once; what is missing to that has weight zero. */
function tapTable(
  { first, count, weights, stride }: Taps,
  { at, inputBytes }: { readonly at: number; readonly inputBytes: number },
): Uint8Array {
  const outputs = first.length
  const steps = count.map((n) => Math.ceil(n / at))
  const pairs = steps.reduce((sum, n) => sum + n, 0) * (at / 2)
  const table = new Int32Array((outputs * OUTPUT_BYTES + pairs * PAIR_BYTES) / 4)
  const halves = new Int16Array(table.buffer, outputs * OUTPUT_BYTES)
  for (let i = 0, to = 0; i < outputs; i++) {
    table[2 * i] = first[i]! * inputBytes
    table[2 * i + 1] = steps[i]!
    for (let t = 0; t < steps[i]! * at; t += 2, to += 4) {
      for (let k = t; k < t + 2; k++) {
        const weight = k < count[i]! ? weights[i * stride + k]! : 0
        halves[to + k - t] = weight & LOW
        halves[to + k - t + 2] = weight >> SPLIT
      }
    }
  }
  return new Uint8Array(table.buffer)
}

function hasSimd(): boolean {
  return WebAssembly.validate(
    assemble({ parameters: 0, i32Locals: 0, v128Locals: 1, body: [op.v128Zero, op.set(0)] }),
  )
}
