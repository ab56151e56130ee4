/** The rows of a speech decoder: what each has read, and what it sees of its window, as the tensors that are fed. */
import type { SpeechModel } from '../../../models/family.ts'
import { type Graph, type KvGeometry, kvGeometry } from '../../../models/graph/graph.ts'
import { KEY_POSITIONS, pastKey, pastValue } from '../../../models/graph/onnx/kv-attention.ts'
import type { AlignmentHead } from '../../../models/whisper/alignment.ts'
import { crossKey, crossValue } from '../../../models/whisper.ts'
import { freeMemory } from '../../free-memory.ts'
import type { Feed } from './onnx-session.ts'
import type { SpeechRunner, SpeechSession } from './speech-session.ts'

/** The position of padding: no query reaches it. */
const NOWHERE = 2 ** 31 - 1
/** Positions that there is room for at first; then twice as many, and so on. */
const FIRST_CAPACITY = 32

export interface SpeechRowsOptions {
  readonly speech: SpeechModel
  readonly decoder: Graph
  readonly vocabSize: number
}

export class SpeechRows implements SpeechSession {
  readonly model: SpeechModel
  readonly vocabSize: number
  readonly #runner: SpeechRunner
  readonly #geometry: KvGeometry
  /** By name; `room` rows each. */
  readonly #past = new Map<string, Float32Array>()
  readonly #cross = new Map<string, Float32Array>()
  #room = 0
  #capacity = FIRST_CAPACITY
  /** Positions that each row has read. */
  readonly #lengths: number[] = []
  /** Layers that tell when words were said. */
  readonly #asking: readonly number[]
  /** Of aligned rows, [hidden] of each token read since they began, by `#asking`. */
  readonly #queries: (Float32Array[][] | undefined)[] = []

  constructor(runner: SpeechRunner, { speech, decoder, vocabSize }: SpeechRowsOptions) {
    this.#runner = runner
    this.model = speech
    this.vocabSize = vocabSize
    this.#geometry = kvGeometry(decoder)
    this.#asking = [...new Set(speech.alignment?.heads.map(({ layer }) => layer))]
  }

  get rows(): number {
    return this.#lengths.length
  }

  async add(mel: Float32Array, isAligned = false): Promise<void> {
    const { melBins, windowFrames } = this.model
    const dims = [1, melBins, windowFrames]
    const cross = await this.#runner.encode({ mel: { data: mel, dims } })
    const row = this.rows
    this.#reserve(row + 1, 1)
    for (const name of this.#crossNames()) {
      this.#cross.get(name)!.set(cross[name]!, row * this.#crossSize)
      freeMemory(cross[name]!.buffer)
    }
    this.#lengths.push(0)
    this.#queries.push(isAligned ? this.#asking.map(() => []) : undefined)
  }

  async begin(
    row: number,
    tokens: readonly number[],
    wanted: readonly number[],
  ): Promise<Float32Array> {
    const steps = tokens.length
    const places = Int32Array.from({ length: steps }, (_, i) => i)
    const feeds: Record<string, Feed> = {
      tokens: { data: Int32Array.from(tokens), dims: [1, steps] },
      positions: { data: places, dims: [1, steps] },
      wanted: { data: Int32Array.from(wanted), dims: [1, wanted.length] },
      // Graphs do not take an empty past; one position that no query reaches does the same.
      [KEY_POSITIONS]: { data: Int32Array.of(NOWHERE, ...places), dims: [1, 1 + steps] },
    }
    const { kvHeads, headDim } = this.#geometry
    for (const name of this.#pastNames())
      feeds[name] = { data: new Float32Array(kvHeads * headDim), dims: [1, kvHeads, 1, 1, headDim] }
    this.#feedCross(feeds, row, 1)
    const { logits, present } = await this.#runner.decode(feeds, [])
    if (this.#queries[row]) this.#queries[row] = this.#asking.map(() => [])
    this.#lengths[row] = 0
    this.#reserve(this.rows, steps)
    this.#append(row, present, 0, steps)
    freeMemory(present.buffer)
    return logits
  }

  async step(tokens: readonly number[]): Promise<Float32Array> {
    const rows = this.rows
    this.#reserve(rows, Math.max(...this.#lengths) + 1)
    const { kvHeads, headDim } = this.#geometry
    const capacity = this.#capacity
    const feeds: Record<string, Feed> = {
      tokens: { data: Int32Array.from(tokens), dims: [rows, 1] },
      positions: { data: Int32Array.from(this.#lengths), dims: [rows, 1] },
      wanted: { data: new Int32Array(rows), dims: [rows, 1] },
      [KEY_POSITIONS]: { data: this.#keyPositions(), dims: [rows, capacity + 1] },
    }
    for (const name of this.#pastNames()) {
      const data = this.#past.get(name)!.subarray(0, rows * this.#pastSize)
      feeds[name] = { data, dims: [rows, kvHeads, 1, capacity, headDim] }
    }
    this.#feedCross(feeds, 0, rows)
    const layers = this.#queries.some((own) => own !== undefined) ? this.#asking : []
    const { logits, present, queries } = await this.#runner.decode(feeds, layers)
    this.#keep(queries)
    const width = present.length / rows
    for (let row = 0; row < rows; row++) this.#append(row, present, row * width, 1)
    freeMemory(present.buffer)
    return logits
  }

  async attention(row: number, { layer, head }: AlignmentHead): Promise<Float32Array> {
    const { headDim } = this.#geometry
    const { hiddenSize, windowFrames } = this.model
    const queries = this.#queries[row]![this.#asking.indexOf(layer)]!
    const positions = windowFrames / 2
    const size = this.#crossSize
    const seen = this.#cross.get(crossKey(layer))!.subarray(row * size, (row + 1) * size)
    const from = head * headDim
    const query = new Float32Array(queries.length * headDim)
    for (const [i, own] of queries.entries())
      query.set(own.subarray(from, from + headDim), i * headDim)
    const keys = new Float32Array(positions * headDim)
    for (let i = 0; i < positions; i++) {
      const at = i * hiddenSize + from
      keys.set(seen.subarray(at, at + headDim), i * headDim)
    }
    return await this.#runner.align({
      query: { data: query, dims: [queries.length, headDim] },
      keys: { data: keys, dims: [positions, headDim] },
    })
  }

  remove(row: number): void {
    const last = this.#lengths.pop()!
    const lastQueries = this.#queries.pop()
    const end = this.#lengths.length
    if (row === end) return
    this.#lengths[row] = last
    this.#queries[row] = lastQueries
    for (const [store, size] of [
      [this.#past, this.#pastSize],
      [this.#cross, this.#crossSize],
    ] as const)
      for (const values of store.values())
        values.copyWithin(row * size, end * size, (end + 1) * size)
  }

  async dispose(): Promise<void> {
    this.#past.clear()
    this.#cross.clear()
    await this.#runner.dispose()
  }

  /** `queries` [rows, 1, hidden], of each layer that was asked for. */
  #keep(queries: readonly Float32Array[]): void {
    const { hiddenSize } = this.model
    for (const [i, values] of queries.entries()) {
      for (const [row, own] of this.#queries.entries()) {
        if (own) own[i]!.push(values.slice(row * hiddenSize, (row + 1) * hiddenSize))
      }
      freeMemory(values.buffer)
    }
  }

  /** Floats of a row in one tensor of the past. */
  get #pastSize(): number {
    const { kvHeads, headDim } = this.#geometry
    return kvHeads * this.#capacity * headDim
  }

  get #crossSize(): number {
    return (this.model.windowFrames / 2) * this.model.hiddenSize
  }

  #pastNames(): string[] {
    return this.#ofLayers((layer) => [pastKey(layer), pastValue(layer)])
  }

  #crossNames(): string[] {
    return this.#ofLayers((layer) => [crossKey(layer), crossValue(layer)])
  }

  #ofLayers(names: (layer: number) => string[]): string[] {
    return Array.from({ length: this.#geometry.layers }, (_, layer) => names(layer)).flat()
  }

  #feedCross(feeds: Record<string, Feed>, first: number, rows: number): void {
    const { windowFrames, hiddenSize } = this.model
    const size = this.#crossSize
    for (const name of this.#crossNames()) {
      const data = this.#cross.get(name)!.subarray(first * size, (first + rows) * size)
      feeds[name] = { data, dims: [rows, windowFrames / 2, hiddenSize] }
    }
  }

  /** [rows, capacity + 1] */
  #keyPositions(): Int32Array {
    const width = this.#capacity + 1
    const positions = new Int32Array(this.rows * width).fill(NOWHERE)
    for (const [row, length] of this.#lengths.entries()) {
      for (let i = 0; i < length; i++) positions[row * width + i] = i
      positions[row * width + this.#capacity] = length
    }
    return positions
  }

  /** Makes room for so many rows of so many positions; both grow by doubling and stay. */
  #reserve(rows: number, positions: number): void {
    const { kvHeads, headDim } = this.#geometry
    const [room, capacity] = [this.#room, this.#capacity]
    while (this.#room < rows) this.#room = Math.max(1, this.#room * 2)
    while (this.#capacity < positions) this.#capacity *= 2
    if (this.#room === room && this.#capacity === capacity) return
    for (const name of this.#pastNames()) {
      const values = new Float32Array(this.#room * this.#pastSize)
      const old = this.#past.get(name)
      for (let plane = 0; old && plane < this.rows * kvHeads; plane++) {
        const from = plane * capacity * headDim
        values.set(old.subarray(from, from + capacity * headDim), plane * this.#capacity * headDim)
      }
      this.#past.set(name, values)
    }
    if (this.#room === room) return
    for (const name of this.#crossNames()) {
      const values = new Float32Array(this.#room * this.#crossSize)
      const old = this.#cross.get(name)
      if (old) values.set(old)
      this.#cross.set(name, values)
    }
  }

  /** Keys and values of `steps` positions, from `at` in `present` on, behind what the row has. */
  #append(row: number, present: Float32Array, at: number, steps: number): void {
    const { kvHeads, headDim, layers } = this.#geometry
    const length = this.#lengths[row]!
    const layerWidth = kvHeads * headDim
    const stepWidth = layers * 2 * layerWidth
    for (const [index, name] of this.#pastNames().entries()) {
      const values = this.#past.get(name)!
      for (let step = 0; step < steps; step++) {
        for (let head = 0; head < kvHeads; head++) {
          const from = at + step * stepWidth + index * layerWidth + head * headDim
          const to = ((row * kvHeads + head) * this.#capacity + length + step) * headDim
          values.set(present.subarray(from, from + headDim), to)
        }
      }
    }
    this.#lengths[row] = length + steps
  }
}
