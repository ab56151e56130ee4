/** Runs decoder rows on ONNX Runtime: groups them, feeds them padded, stores keys and values. */
import type { KvGeometry } from '../../../models/graph/graph.ts'
import {
  KEY_POSITIONS,
  PRESENT,
  pastKey,
  pastValue,
} from '../../../models/graph/onnx/kv-attention.ts'
import { freeMemory } from '../../free-memory.ts'
import type { DecoderRunner, PreparedRow } from './cached-decoder.ts'
import type { KvCache } from './kv-cache.ts'
import type { KvSequence } from './kv-table.ts'
import type { Feed, OnnxSession } from './onnx-session.ts'
import { PastWindow } from './past-window.ts'
import { groupRows, type RowGroup } from './row-groups.ts'

/** The position of padding: no query reaches it. */
const NOWHERE = 2 ** 31 - 1
/** A window is dropped after this many steps without use. */
const IDLE_STEPS = 256

export interface OnnxDecoderOptions {
  readonly session: OnnxSession
  readonly cache: KvCache
  readonly geometry: KvGeometry
  readonly hiddenSize: number
  readonly vocabSize: number
}

export class OnnxDecoderRunner implements DecoderRunner {
  readonly #options: OnnxDecoderOptions
  /** By capacity. */
  readonly #windows = new Map<number, PastWindow>()
  #steps = 0

  constructor(options: OnnxDecoderOptions) {
    this.#options = options
  }

  async run(rows: readonly PreparedRow[]): Promise<(Float32Array | undefined)[]> {
    this.#steps++
    const results = new Map<PreparedRow, Float32Array | undefined>()
    for (const group of groupRows(rows)) await this.#runGroup(group, results)
    for (const [capacity, window] of this.#windows) {
      if (this.#steps - window.lastUsed > IDLE_STEPS) this.#windows.delete(capacity)
    }
    return rows.map((row) => results.get(row))
  }

  shortened(sequence: KvSequence): void {
    for (const window of this.#windows.values()) window.shorten(sequence)
  }

  async dispose(): Promise<void> {
    this.#windows.clear()
    await this.#options.session.dispose()
  }

  async #runGroup(
    group: RowGroup,
    results: Map<PreparedRow, Float32Array | undefined>,
  ): Promise<void> {
    const { session, cache, hiddenSize, vocabSize, geometry } = this.#options
    const window = this.#window(group.capacity)
    const places = window.place(group.rows.map((row) => row.cache))
    // From here on, rows are in the order in which the window holds them.
    const rows = places.map((_, place) => group.rows[places.indexOf(place)]!)
    const batch = rows.length
    const { steps } = group

    const feeds: Record<string, Feed> = {
      embeddings: {
        data: paddedEmbeddings(rows, steps, hiddenSize),
        dims: [batch, steps, hiddenSize],
      },
      positions: { data: queryPositions(rows, steps), dims: [batch, steps] },
      [KEY_POSITIONS]: {
        data: keyPositions(rows, steps, window.capacity),
        dims: [batch, window.capacity + steps],
      },
    }
    for (let layer = 0; layer < geometry.layers; layer++) {
      feeds[pastKey(layer)] = window.tensor(layer, 'key', batch)
      feeds[pastValue(layer)] = window.tensor(layer, 'value', batch)
    }
    const most = Math.max(1, ...rows.map(({ wanted }) => wanted))
    feeds['wanted'] = { data: wantedSteps(rows, most), dims: [batch, most] }

    const fetches = [PRESENT]
    for (const output of ['logits', 'hidden'] as const) {
      if (rows.some((row) => row.want === output)) fetches.push(output)
    }
    const fetched = await session.run(feeds, fetches)

    const present = fetched[PRESENT]!
    const width = cache.planes * cache.headDim
    for (const [r, row] of rows.entries()) {
      cache.write(row.cache, row.cache.length, row.positions, present, r * steps * width)
      window.append(r, row.positions, present, r * steps * width)
    }
    freeMemory(present.buffer)
    for (const [r, row] of rows.entries()) {
      if (row.want === 'none') continue
      const size = row.want === 'logits' ? vocabSize : hiddenSize
      const from = r * most * size
      results.set(row, fetched[row.want]!.subarray(from, from + row.wanted * size))
    }
  }

  #window(capacity: number): PastWindow {
    const { cache, geometry } = this.#options
    let window = this.#windows.get(capacity)
    if (!window) {
      window = new PastWindow(cache, geometry, capacity)
      this.#windows.set(capacity, window)
    }
    window.lastUsed = this.#steps
    return window
  }
}

/** `[batch, steps, hidden]`, rows padded with zeros at the end. */
function paddedEmbeddings(
  rows: readonly PreparedRow[],
  steps: number,
  hidden: number,
): Float32Array {
  const [only] = rows
  if (rows.length === 1 && only?.positions === steps) return only.embeddings
  const padded = new Float32Array(rows.length * steps * hidden)
  for (const [r, row] of rows.entries()) padded.set(row.embeddings, r * steps * hidden)
  return padded
}

/** `[batch, steps]`; padding counts on, and nobody reads its result. */
function queryPositions(rows: readonly PreparedRow[], steps: number): Int32Array {
  const positions = new Int32Array(rows.length * steps)
  for (const [r, row] of rows.entries()) {
    for (let step = 0; step < steps; step++) positions[r * steps + step] = row.cache.length + step
  }
  return positions
}

/** `[batch, most]`: the row's last `wanted` steps; behind them its last again, whose result nobody reads. */
function wantedSteps(rows: readonly PreparedRow[], most: number): Int32Array {
  const steps = new Int32Array(rows.length * most)
  for (const [r, { positions, wanted }] of rows.entries()) {
    const first = positions - Math.max(wanted, 1)
    for (let i = 0; i < most; i++) steps[r * most + i] = Math.min(first + i, positions - 1)
  }
  return steps
}

/** `[batch, capacity + steps]` */
function keyPositions(rows: readonly PreparedRow[], steps: number, capacity: number): Int32Array {
  const positions = new Int32Array(rows.length * (capacity + steps)).fill(NOWHERE)
  for (const [r, row] of rows.entries()) {
    const start = r * (capacity + steps)
    for (let i = 0; i < row.cache.length; i++) positions[start + i] = i
    for (let step = 0; step < row.positions; step++)
      positions[start + capacity + step] = row.cache.length + step
  }
  return positions
}
