/** Runs decoder rows on the native runtime: all of them, however long each is, in one run of the program. */
import type { DecoderRunner, PreparedRow } from './cached-decoder.ts'
import { byAdapter, type NativeAdapters } from './native-adapters.ts'
import type { NativeKvTable } from './native-kv.ts'
import type { NativeSession } from './native-session.ts'
import type { NativeStateTable } from './native-states.ts'

export interface NativeDecoderOptions {
  readonly session: NativeSession
  readonly cache: NativeKvTable
  /** Of a model with recurrences. */
  readonly states?: NativeStateTable
  readonly adapters?: NativeAdapters | undefined
  readonly hiddenSize: number
  readonly vocabSize: number
}

type Want = 'logits' | 'hidden'

export class NativeDecoderRunner implements DecoderRunner {
  readonly #options: NativeDecoderOptions

  constructor(options: NativeDecoderOptions) {
    this.#options = options
  }

  async run(rows: readonly PreparedRow[]): Promise<(Float32Array | undefined)[]> {
    const order = byAdapter(rows)
    if (!order) return this.#run(rows)
    const values = this.#run(order.map((i) => rows[i]!))
    const results = new Array<Float32Array | undefined>(rows.length)
    for (const [place, i] of order.entries()) results[i] = values[place]
    return results
  }

  /** Rows of one adapter are neighbours. */
  #run(rows: readonly PreparedRow[]): (Float32Array | undefined)[] {
    const { session, cache, states, adapters, hiddenSize, vocabSize } = this.#options
    const tokens = rows.reduce((sum, { positions }) => sum + positions, 0)
    const wanted = rows.reduce((sum, row) => sum + row.wanted, 0)
    const inputs: Record<string, Float32Array | Int32Array> = {
      embeddings: joined(rows, tokens * hiddenSize),
      positions: positionsOf(rows, tokens),
      wanted: wantedTokens(rows, wanted),
    }
    const sizes = { logits: vocabSize, hidden: hiddenSize }
    const outputs = new Map<Want, Float32Array>()
    for (const want of ['logits', 'hidden'] as const) {
      if (rows.some((row) => row.want === want))
        outputs.set(want, new Float32Array(wanted * sizes[want]))
    }
    session.run({
      dims: { tokens, wanted },
      inputs,
      outputs: Object.fromEntries(outputs),
      kv: cache.store,
      ...blockTables(rows),
      ...(states && { states: states.store, stateSlots: slotsOf(rows) }),
      ...adapters?.ofRun(rows),
    })
    let at = 0
    return rows.map((row) => {
      if (row.want === 'none') return undefined
      const size = sizes[row.want]
      const from = at * size
      at += row.wanted
      return outputs.get(row.want)!.subarray(from, at * size)
    })
  }

  async dispose(): Promise<void> {
    const { session, cache, states } = this.#options
    session.dispose()
    cache.store.close()
    states?.store.close()
  }
}

/** `[tokens, hidden]`, row after row. */
function joined(rows: readonly PreparedRow[], size: number): Float32Array {
  const [only] = rows
  if (rows.length === 1) return only!.embeddings
  const all = new Float32Array(size)
  let at = 0
  for (const { embeddings } of rows) {
    all.set(embeddings, at)
    at += embeddings.length
  }
  return all
}

/** `[tokens]`: each in its own sequence. */
function positionsOf(rows: readonly PreparedRow[], tokens: number): Int32Array {
  const positions = new Int32Array(tokens)
  let at = 0
  for (const { cache, positions: count } of rows)
    for (let i = 0; i < count; i++) positions[at++] = cache.length + i
  return positions
}

/** `[wanted]`: the last tokens of each row, as many as it wants something of, counted over all rows. */
function wantedTokens(rows: readonly PreparedRow[], count: number): Int32Array {
  const tokens = new Int32Array(count)
  let end = 0
  let at = 0
  for (const { positions, wanted } of rows) {
    end += positions
    for (let i = wanted; i > 0; i--) tokens[at++] = end - i
  }
  return tokens
}

/** For each row the slots of its recurrent states before and behind it. */
function slotsOf(rows: readonly PreparedRow[]): Int32Array {
  return Int32Array.from(rows.flatMap(({ states }) => [states!.from, states!.to]))
}

/** For each row its first token, count, past and the start of its blocks in `tables`. */
function blockTables(rows: readonly PreparedRow[]): { rows: Int32Array; tables: Int32Array } {
  const described: number[] = []
  const tables: number[] = []
  let first = 0
  for (const { cache, positions } of rows) {
    described.push(first, positions, cache.length, tables.length)
    // Not spread: a long sequence has more blocks than a call takes arguments.
    for (const block of cache.blocks) tables.push(block)
    first += positions
  }
  return { rows: Int32Array.from(described), tables: Int32Array.from(tables) }
}
