/** What depends on weights and constants alone, and so is computed once, while a program is loaded. */
import type { Graph, Node, Value, Weight } from '../graph.ts'
import type { Shape } from '../shape.ts'

/** Where a loader finds a value: a tensor, some of its rows, or a graph without inputs whose one output it is. */
export type FixedSource =
  | { readonly weight: Weight; readonly rows?: readonly [start: number, end: number] }
  | { readonly graph: Graph }

export class FixedValues {
  readonly #weights: ReadonlySet<Value>
  readonly #producers = new Map<Value, Node>()

  constructor(graph: Graph) {
    this.#weights = new Set<Value>(graph.weights)
    for (const node of graph.nodes)
      if (node.inputs.every((input) => this.has(input))) this.#producers.set(node.output, node)
  }

  has(value: Value): boolean {
    return this.#weights.has(value) || this.#producers.has(value)
  }

  /** A new value, of these numbers. */
  constant(values: readonly number[], shape: readonly number[]): Value {
    return this.#make('constant', [], shape, { values })
  }

  /** `value` again along axes in front of its own or of size 1. */
  repeated(value: Value, shape: readonly number[]): Value {
    const size = shape.reduce((product, side) => product * side, 1)
    return this.#make(
      'add',
      [value, this.constant(new Array<number>(size).fill(0), shape)],
      shape,
      {},
    )
  }

  /** The kernels of a convolution of every channel by itself, [c, 1, height, width], as [height, width, c]. */
  channelsLast(kernels: Value): Value {
    const [channels, , height, width] = kernels.shape as [number, number, number, number]
    const apart = this.#make('reshape', [kernels], [channels, height, width], {})
    const attributes = { permutation: [1, 2, 0] }
    return this.#make('transpose', [apart], [height, width, channels], attributes)
  }

  source(value: Value): FixedSource {
    if (this.#weights.has(value)) return { weight: value as Weight }
    const nodes: Node[] = []
    const read = new Set<Value>()
    this.#collect(value, nodes, read)
    return {
      graph: {
        name: 'fixed',
        inputs: [],
        weights: [...read].filter((input) => this.#weights.has(input)) as Weight[],
        nodes,
        outputs: [{ name: 'value', value }],
        stages: [],
      },
    }
  }

  /**
   * As {@link source}, of a matrix [out, …]: rows of a tensor, and tensors of other shape but the same rows, are named as
   * that, so that they can be read as they are stored.
   */
  matrixSource(value: Value): FixedSource {
    const node = this.#producers.get(value)
    const [x] = node?.inputs ?? []
    if (node?.op === 'reshape' && x!.shape[0] === value.shape[0]) return this.matrixSource(x!)
    if (node?.op === 'slice' && node.attributes.axis === 0 && this.#weights.has(x!)) {
      const { start, end } = node.attributes
      return { weight: x as Weight, rows: [start, end] }
    }
    return this.source(value)
  }

  /** The weight that a matrix is, or is made of the rows of. */
  weightOf(value: Value): Weight | undefined {
    const source = this.matrixSource(value)
    return 'weight' in source ? source.weight : undefined
  }

  #collect(value: Value, nodes: Node[], seen: Set<Value>): void {
    if (seen.has(value)) return
    seen.add(value)
    const node = this.#producers.get(value)
    if (!node) return
    for (const input of node.inputs) this.#collect(input, nodes, seen)
    nodes.push(node)
  }

  #make(
    op: 'constant' | 'add' | 'reshape' | 'transpose',
    inputs: Value[],
    shape: Shape,
    attributes: object,
  ): Value {
    const output: Value = { id: -1, shape, type: 'float32' }
    this.#producers.set(output, { op, inputs, attributes, output } as Node)
    return output
  }
}
