/** Runs decoder rows one after the other through the interpreter. */
import type { Graph, KvGeometry } from '../../../models/graph/graph.ts'
import type { DecoderRunner, PreparedRow } from './cached-decoder.ts'
import type { KvCache } from './kv-cache.ts'
import type { KvSequence } from './kv-table.ts'
import type { SequenceCache } from './reference/attention.ts'
import { interpret } from './reference/interpreter.ts'
import { type Tensor, tensor } from './reference/tensor.ts'
import type { ReferenceAdapters } from './reference-adapters.ts'
import type { ReferenceStateTable } from './reference-states.ts'

export interface ReferenceDecoderOptions {
  readonly graph: Graph
  readonly geometry: KvGeometry
  readonly weights: ReadonlyMap<string, Tensor>
  readonly cache: KvCache
  /** Of a model with recurrences. */
  readonly states?: ReferenceStateTable
  readonly adapters?: ReferenceAdapters | undefined
  readonly hiddenSize: number
}

export class ReferenceDecoderRunner implements DecoderRunner {
  readonly #options: ReferenceDecoderOptions

  constructor(options: ReferenceDecoderOptions) {
    this.#options = options
  }

  async run(rows: readonly PreparedRow[]): Promise<(Float32Array | undefined)[]> {
    return rows.map((row) => this.#runRow(row))
  }

  async dispose(): Promise<void> {}

  #runRow(row: PreparedRow): Float32Array | undefined {
    const { cache: sequence, positions, embeddings, want, wanted } = row
    const count = Math.max(wanted, 1)
    const steps = Float64Array.from({ length: count }, (_, i) => positions - count + i)
    const { graph, weights, states, adapters, hiddenSize } = this.#options
    const feeds = new Map([
      ['embeddings', tensor([1, positions, hiddenSize], Float64Array.from(embeddings))],
      [
        'positions',
        tensor(
          [1, positions],
          Float64Array.from({ length: positions }, (_, i) => sequence.length + i),
        ),
      ],
      ['wanted', tensor([1, count], steps)],
    ])
    const present = new Float32Array(positions * this.#width)
    const results = interpret(graph, {
      feeds,
      weights,
      cache: this.#cacheOf(sequence, present),
      ...(states && { states: states.view(row.states!) }),
      ...(row.adapter !== undefined && { adapter: adapters!.products(row.adapter) }),
    })
    this.#options.cache.write(sequence, sequence.length, positions, present, 0)
    return want === 'none' ? undefined : new Float32Array(results.get(want)!.data)
  }

  /** Floats of one position in the cache. */
  get #width(): number {
    const { cache } = this.#options
    return cache.planes * cache.headDim
  }

  /** The interpreter's view of a sequence; what it appends goes to `present`. */
  #cacheOf(sequence: KvSequence, present: Float32Array): SequenceCache {
    const { cache, geometry } = this.#options
    const { kvHeads, headDim } = geometry
    const layerWidth = kvHeads * headDim
    const length = sequence.length
    const plane = (layer: number, part: 0 | 1) => {
      const values = new Float32Array(length * layerWidth)
      for (let head = 0; head < kvHeads; head++) {
        const index = (layer * 2 + part) * kvHeads + head
        cache.read(sequence, index, 0, length, values, head * length * headDim)
      }
      return values
    }
    return {
      length,
      past: (layer) => ({ keys: plane(layer, 0), values: plane(layer, 1) }),
      append: (layer, keys, values) => {
        for (let step = 0; step * this.#width < present.length; step++) {
          for (const [part, source] of [keys, values].entries()) {
            const at = step * this.#width + (layer * 2 + part) * layerWidth
            present.set(source.subarray(step * layerWidth, (step + 1) * layerWidth), at)
          }
        }
      },
    }
  }
}
