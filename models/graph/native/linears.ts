/** Linears and what may be done with their results on the way out: bias, activation, a product, a sum. */
import { rowsName } from '../adaptable.ts'
import type { Graph, NodeOf, Value, Weight } from '../graph.ts'
import { type Shape, sameShape } from '../shape.ts'
import type { Cell, Draft } from './draft.ts'
import type { Activation } from './program.ts'

/** A linear that has not been written down: its result has one reader, who may become part of it. */
interface OpenLinear {
  readonly x: Cell
  readonly linear: number
  readonly shape: Shape
  readonly bias?: Cell
  readonly adapter?: number
  readonly floats?: Cell
  readonly activation?: Activation
  readonly multiply?: Cell
  readonly residual?: Cell
}

export interface LinearsOptions {
  /** Elements that share a scale in the weight's rows; undefined for a weight of floats. */
  groupOf(weight: Weight): number | undefined
  /** By name of what a linear multiplies, its number among those that adapters may add to. */
  readonly adapted: ReadonlyMap<string, number>
  /** Values that are asked for by name, and so have to exist. */
  readonly published: ReadonlySet<Value>
}

export class Linears {
  readonly #draft: Draft
  readonly #options: LinearsOptions
  readonly #readers: ReadonlyMap<Value, number>
  readonly #open = new Map<Value, OpenLinear>()

  constructor(draft: Draft, graph: Graph, options: LinearsOptions) {
    this.#draft = draft
    this.#options = options
    this.#readers = countReaders(graph)
  }

  /** x · Wᵀ + bias as `output`; `matrix` is [out, in]. */
  linear(output: Value, x: Cell, matrix: Value, bias: Value | undefined): void {
    this.#put(output, this.#product(x, matrix, bias, output.shape))
  }

  /** As {@link linear}, made at once and in a shape of its own: for what is no `linear` in the graph. */
  product(x: Cell, matrix: Value, bias: Value | undefined, shape: Shape): Cell {
    return this.#write(this.#product(x, matrix, bias, shape))
  }

  activate(node: NodeOf<'silu' | 'relu' | 'gelu'>, activation: Activation): void {
    const [x] = node.inputs as [Value]
    const open = this.#open.get(x)
    if (open && open.activation === undefined && !open.multiply && !open.residual) {
      this.#put(node.output, { ...open, activation })
      return
    }
    const read = [this.#draft.read(x)]
    this.#draft.set(node.output, this.#draft.emit('unary', read, x.shape, { kind: activation }))
  }

  /** Whether a · b could become part of a linear, and did. */
  multiply({ inputs, output }: NodeOf<'mul'>): boolean {
    const [a, b] = inputs as [Value, Value]
    if (a === b) return this.#square(a, output)
    // What has an activation is no factor of another linear, so it takes the product itself.
    for (const [own, factor] of this.#activatedFirst(a, b)) {
      const open = this.#open.get(own)
      if (!open || open.multiply || open.residual || !sameShape(own.shape, factor.shape)) continue
      this.#put(output, { ...open, multiply: this.#draft.read(factor) })
      return true
    }
    return false
  }

  /** Whether a + b could become part of a linear, and did. */
  add({ inputs, output }: NodeOf<'add'>): boolean {
    const [a, b] = inputs as [Value, Value]
    if (a === b) return false
    for (const [own, summand] of [
      [b, a],
      [a, b],
    ] as const) {
      const open = this.#open.get(own)
      if (!open || open.residual || !sameShape(own.shape, summand.shape)) continue
      this.#put(output, { ...open, residual: this.#draft.read(summand) })
      return true
    }
    return false
  }

  /** relu(x) · relu(x) is one activation. */
  #square(x: Value, output: Value): boolean {
    const open = this.#open.get(x)
    if (open?.activation !== 'relu' || open.multiply || open.residual) return false
    this.#put(output, { ...open, activation: 'relu2' })
    return true
  }

  #activatedFirst(a: Value, b: Value): readonly (readonly [Value, Value])[] {
    const isActivated = this.#open.get(b)?.activation !== undefined
    const [first, second] = isActivated ? [b, a] : [a, b]
    return [
      [first, second],
      [second, first],
    ]
  }

  #product(x: Cell, matrix: Value, bias: Value | undefined, shape: Shape): OpenLinear {
    const [out, ...rest] = matrix.shape as readonly number[]
    const width = rest.reduce((product, side) => product * side, 1)
    const linear = this.#draft.linear(matrix, [out!, width])
    const stored = this.#draft.fixed.weightOf(matrix)
    const group = stored && this.#options.groupOf(stored)
    const source = this.#draft.fixed.matrixSource(matrix)
    const adapter = 'weight' in source ? this.#options.adapted.get(rowsName(source)) : undefined
    return {
      x: group === undefined ? x : this.#draft.quantised(x, group),
      linear,
      shape,
      ...(bias && { bias: this.#draft.read(bias) }),
      ...(adapter !== undefined && { adapter }),
      ...(adapter !== undefined && group !== undefined && { floats: x }),
    }
  }

  #put(output: Value, open: OpenLinear): void {
    if (this.#readers.get(output) !== 1 || this.#options.published.has(output)) {
      this.#draft.set(output, this.#write(open))
      return
    }
    this.#open.set(output, open)
    this.#draft.defer(output, () => this.#write(open))
  }

  #write({ x, shape, ...attributes }: OpenLinear): Cell {
    return this.#draft.emit('linear', [x], shape, attributes)
  }
}

/** How many operations read a value, one that reads it twice counted once. */
function countReaders(graph: Graph): Map<Value, number> {
  const readers = new Map<Value, number>()
  for (const { inputs } of graph.nodes)
    for (const input of new Set(inputs)) readers.set(input, (readers.get(input) ?? 0) + 1)
  return readers
}
