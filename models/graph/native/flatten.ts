/**
 * A decoder graph over one list of tokens instead of a batch of rows: [batch, steps, …] becomes [tokens, …], and
 * [batch, wanted, …] [wanted, …]. Rows of any lengths then lie one after the other without padding; which token belongs to
 * which sequence is told by the run, to what reads other tokens alone.
 */
import type { Graph, NamedValue, Node, Value } from '../graph.ts'
import { formatShape, type Shape } from '../shape.ts'
import { LEAVES_SOMETHING } from './draft.ts'
import { CannotLower } from './refusal.ts'

const TOKENS = 'tokens'

/** Operations that work on each token by itself, whatever is in front of their last axes. */
const BY_TOKEN: ReadonlySet<string> = new Set([
  ...['linear', 'layerNorm', 'rmsNorm', 'rope', 'silu', 'relu', 'gelu', 'softmax'],
  ...['add', 'sub', 'mul', 'div', 'reshape'],
])

/**
 * The flattened graph; one that leaves nothing to later runs comes back as it is. In it, a `kvAttention` whose queries are not
 * all tokens has one input more: the token of each query. Throws {@link CannotLower}.
 */
export function flattenDecoder(graph: Graph): Graph {
  const first = graph.nodes.find(({ op }) => LEAVES_SOMETHING.has(op))
  if (!first) return graph
  const every = first.inputs[first.op === 'kvAttention' ? 1 : 0]!
  const [batch, steps] = every.shape as [string, string]
  return new Flattening(graph, batch, steps).graph()
}

class Flattening {
  readonly #graph: Graph
  readonly #batch: string
  readonly #steps: string
  readonly #flat = new Map<Value, Value>()

  constructor(graph: Graph, batch: string, steps: string) {
    this.#graph = graph
    this.#batch = batch
    this.#steps = steps
    for (const weight of graph.weights) this.#flat.set(weight, weight)
  }

  graph(): Graph {
    const { name, inputs, weights, nodes, outputs, stages } = this.#graph
    const flat = (named: readonly NamedValue[]) =>
      named.map(({ name, value }) => ({ name, value: this.#value(value) }))
    return {
      name,
      inputs: flat(inputs),
      weights,
      nodes: nodes.map((node) => this.#node(node)),
      outputs: flat(outputs),
      stages: flat(stages),
    }
  }

  #value(value: Value): Value {
    const known = this.#flat.get(value)
    if (known) return known
    const flat: Value = { ...value, shape: this.#shape(value.shape) }
    this.#flat.set(value, flat)
    return flat
  }

  #isBatched({ shape }: Value): boolean {
    return shape[0] === this.#batch
  }

  #shape(shape: Shape): Shape {
    const [first, second, ...rest] = shape
    const names = rest.flatMap((dim) => (typeof dim === 'string' ? dim.split('*') : []))
    if (first !== this.#batch) {
      if (!shape.some((dim) => typeof dim === 'string')) return shape
      throw new CannotLower(`a value ${formatShape(shape)} does not begin with ${this.#batch}`)
    }
    if (typeof second !== 'string' || names.length > 0)
      throw new CannotLower(`a value ${formatShape(shape)} is not a list of tokens`)
    return [second === this.#steps ? TOKENS : second, ...rest]
  }

  #node(node: Node): Node {
    const inputs = node.inputs.map((input) => this.#value(input))
    const output = this.#value(node.output)
    const isBatched = node.inputs.some((input) => this.#isBatched(input))
    if (!isBatched || BY_TOKEN.has(node.op)) return { ...node, inputs, output } as Node
    switch (node.op) {
      case 'causalConv1d':
      case 'selectiveScan':
        return { ...node, inputs, output } as Node
      case 'kvAttention':
        return { ...node, inputs: this.#attended(inputs), output }
      case 'gather':
        // Which row of the batch an index counts from is in the index now.
        return { ...node, inputs, output, attributes: { batchDims: 0 } }
      case 'slice':
      case 'concat':
      case 'padEnd':
        if (node.attributes.axis < 2) break
        return {
          ...node,
          inputs,
          output,
          attributes: { ...node.attributes, axis: node.attributes.axis - 1 },
        } as Node
      case 'transpose': {
        const [first, second, ...rest] = node.attributes.permutation
        if (first !== 0 || second !== 1) break
        const permutation = [0, ...rest.map((axis) => axis - 1)]
        return { ...node, inputs, output, attributes: { permutation } }
      }
    }
    throw new CannotLower(`${node.op} of ${formatShape(node.inputs[0]!.shape)} mixes tokens`)
  }

  #attended(inputs: readonly Value[]): readonly Value[] {
    const [q, k] = inputs as [Value, Value]
    const [queries] = q.shape
    if (queries === k.shape[0]) return inputs
    const wanted = this.#graph.inputs
      .map(({ value }) => this.#value(value))
      .find(({ type, shape }) => type === 'int32' && shape.length === 1 && shape[0] === queries)
    if (!wanted) throw new CannotLower(`no input tells which tokens the ${queries} queries are`)
    return [...inputs, wanted]
  }
}
