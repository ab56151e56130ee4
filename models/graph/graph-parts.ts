/** What a graph is put together of; the operations themselves are in builder.ts. */
import type { DerivedWeight, ElementType, Graph, NamedValue, Node, Value, Weight } from './graph.ts'
import type { OpAttributes, OpName } from './ops.ts'
import { formatShape, type Shape, sameShape } from './shape.ts'

export class GraphParts {
  protected readonly name: string
  readonly #inputs: NamedValue[] = []
  readonly #weights = new Map<string, Weight>()
  readonly #nodes: Node[] = []
  readonly #outputs: NamedValue[] = []
  readonly #stages: NamedValue[] = []
  #nextId = 0

  constructor(name: string) {
    this.name = name
  }

  input(name: string, shape: Shape, type: ElementType = 'float32'): Value {
    const value = this.#value(shape, type)
    this.#inputs.push({ name, value })
    return value
  }

  /** The checkpoint tensor `name`; asked for twice, it is the same value. */
  weight(name: string, shape: readonly number[], derived?: DerivedWeight): Weight {
    return this.#weight(name, shape, 'float32', derived)
  }

  /** As {@link weight}, of whole numbers. */
  indices(name: string, shape: readonly number[]): Weight {
    return this.#weight(name, shape, 'int32')
  }

  #weight(
    name: string,
    shape: readonly number[],
    type: ElementType,
    derived?: DerivedWeight,
  ): Weight {
    const known = this.#weights.get(name)
    if (known) {
      if (!sameShape(known.shape, shape) || known.type !== type)
        this.fail('weight', `${name} is used as`, known.shape, shape)
      return known
    }
    const tensor: Weight = { id: this.#nextId++, shape, type, name }
    const weight = derived ? { ...tensor, derived } : tensor
    this.#weights.set(name, weight)
    return weight
  }

  output(name: string, value: Value): void {
    this.#outputs.push({ name, value })
  }

  /** Marks a value that parity tests may fetch, and returns it. */
  stage(name: string, value: Value): Value {
    this.#stages.push({ name, value })
    return value
  }

  build(): Graph {
    if (this.#outputs.length === 0) throw new Error(`graph ${this.name}: no output`)
    return {
      name: this.name,
      inputs: this.#inputs,
      weights: [...this.#weights.values()],
      nodes: this.#nodes,
      outputs: this.#outputs,
      stages: this.#stages,
    }
  }

  #value(shape: Shape, type: ElementType): Value {
    return { id: this.#nextId++, shape, type }
  }

  protected append<Op extends OpName>(
    op: Op,
    inputs: readonly Value[],
    attributes: OpAttributes[Op],
    shape: Shape,
    type: ElementType = 'float32',
  ): Value {
    const output = this.#value(shape, type)
    // The compiler does not see that op and attributes vary together; the signature does.
    this.#nodes.push({ op, inputs, attributes, output } as Node)
    return output
  }

  protected fail(op: string, what: string, ...shapes: readonly Shape[]): never {
    throw new Error(`graph ${this.name}: ${op}: ${what} ${shapes.map(formatShape).join(', ')}`)
  }
}
