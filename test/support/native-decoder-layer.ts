/** One attention layer over paged blocks in the native runtime, and sequences that it reads in any pieces. */
import type * as native from '../../kernels/cpu/native.d.ts'
import { addon, joined } from './native-programs.ts'

export interface LayerOptions {
  readonly isa: native.Isa
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly blockSize?: number
  readonly type?: native.KvOptions['type']
  readonly threads?: number
  readonly window?: number
  readonly softCap?: number
  readonly sinks?: Float32Array
}

/** Queries, keys and values of consecutive positions of a sequence. */
export interface Part {
  readonly sequence: number
  readonly q: Float32Array
  readonly k: Float32Array
  readonly v: Float32Array
  /** Places among the part's positions that ask; all without it. */
  readonly wanted?: readonly number[]
}

const BLOCKS = 600

export class AttentionLayer {
  readonly kv: native.KvStore
  readonly #program: native.Program
  readonly #options: LayerOptions
  readonly #blockSize: number
  readonly #lengths = new Map<number, number>()
  readonly #tables = new Map<number, number[]>()
  /** Handed out from both ends by turns, so that a sequence's blocks are not neighbours. */
  #handedOut = 0

  constructor(options: LayerOptions) {
    const { isa, heads, kvHeads, headDim, blockSize = 16, type = 'f32', threads = 2 } = options
    const { window, softCap, sinks } = options
    this.#options = options
    this.#blockSize = blockSize
    this.kv = addon().createKv({ layers: 2, kvHeads, headDim, blockSize, blocks: BLOCKS, type })
    const value = (...shape: (string | number)[]) => ({ shape, type: 'f32', slot: -1 })
    const attributes = {
      layer: 1,
      heads,
      kvHeads,
      headDim,
      scale: headDim ** -0.5,
      window,
      softCap,
    }
    this.#program = addon().createProgram(
      addon().createPool(threads),
      {
        name: 'layer',
        slots: 1,
        values: [
          value('queries', heads * headDim),
          value('tokens', kvHeads * headDim),
          value('tokens', kvHeads * headDim),
          { shape: ['queries'], type: 'i32', slot: -1 },
          { shape: ['queries', heads * headDim], type: 'f32', slot: 0 },
          ...(sinks ? [value(heads)] : []),
        ],
        inputs: ['q', 'k', 'v', 'queryTokens'].map((name, i) => ({ name, value: i })),
        outputs: [{ name: 'y', value: 4 }],
        weights: sinks ? [{ name: 'sinks', kind: 'tensor', value: 5 }] : [],
        code: [
          {
            op: 'kvAttention',
            in: [0, 1, 2, 3],
            out: 4,
            ...attributes,
            ...(sinks && { sinks: 5 }),
          },
        ],
      },
      sinks ? [sinks] : [],
      isa,
    )
  }

  /** Appends the parts to their sequences in one run; a result for each, [queries, heads · headDim]. */
  run(parts: readonly Part[]): Float32Array[] {
    const { heads, kvHeads, headDim } = this.#options
    const rows: number[] = []
    const tables: number[] = []
    const queryTokens: number[] = []
    let tokens = 0
    for (const { sequence, k, wanted } of parts) {
      const count = k.length / (kvHeads * headDim)
      const past = this.#lengths.get(sequence) ?? 0
      const table = this.#tables.get(sequence) ?? []
      while (table.length * this.#blockSize < past + count) table.push(this.#nextBlock())
      this.#tables.set(sequence, table)
      this.#lengths.set(sequence, past + count)
      rows.push(tokens, count, past, tables.length)
      tables.push(...table)
      const first = tokens
      queryTokens.push(
        ...(wanted ?? Array.from({ length: count }, (_, i) => i)).map((i) => first + i),
      )
      tokens += count
    }
    const width = heads * headDim
    const q = joined(parts.map((part) => ofWanted(part, width)))
    const y = new Float32Array(q.length)
    this.#program.run({
      dims: { tokens, queries: queryTokens.length },
      inputs: [
        q,
        joined(parts.map(({ k }) => k)),
        joined(parts.map(({ v }) => v)),
        Int32Array.from(queryTokens),
      ],
      outputs: [y],
      kv: this.kv,
      rows: Int32Array.from(rows),
      tables: Int32Array.from(tables),
    })
    let at = 0
    return parts.map((part) => {
      const length = ofWanted(part, width).length
      at += length
      return y.slice(at - length, at)
    })
  }

  #nextBlock(): number {
    const i = this.#handedOut++
    return i % 2 ? BLOCKS - 1 - (i >> 1) : i >> 1
  }
}

/** A sequence cut into parts of these lengths, one after the other. */
export function cut(whole: Part, lengths: readonly number[], total: number): Part[] {
  let start = 0
  return lengths.map((length) => {
    const part = (data: Float32Array) =>
      data.subarray((data.length / total) * start, (data.length / total) * (start + length))
    const { sequence, q, k, v } = whole
    const result = { sequence, q: part(q), k: part(k), v: part(v) }
    start += length
    return result
  })
}

function ofWanted({ q, wanted }: Part, width: number): Float32Array {
  if (!wanted) return q
  return joined(wanted.map((i) => q.subarray(i * width, (i + 1) * width)))
}
