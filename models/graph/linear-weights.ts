/** Which weights of a graph only ever multiply: those that a quantised form can stand for. */
import type { Graph, NamedValue, Value, Weight } from './graph.ts'

/** Weights [out, in] that nothing but `linear` reads, whole or some of their rows. Another output of theirs would need the floats. */
export function linearWeights(graph: Graph): Set<Weight> {
  return new Set(linearInputs(graph).keys())
}

/** Those weights, each with the values [.., in] that it is multiplied with. */
export function linearInputs(graph: Graph): Map<Weight, Set<Value>> {
  /** A weight, or rows of it, → the weight. */
  const rowsOf = new Map<Value, Weight>(graph.weights.map((weight) => [weight, weight]))
  const read = new Map<Weight, Set<Value>>()
  const readOtherwise = new Set<Weight>()
  for (const node of graph.nodes) {
    for (const [i, input] of node.inputs.entries()) {
      const weight = rowsOf.get(input)
      if (!weight) continue
      if (node.op === 'linear' && i === 1)
        read.set(weight, (read.get(weight) ?? new Set()).add(node.inputs[0]!))
      else if (node.op === 'slice' && node.attributes.axis === 0) rowsOf.set(node.output, weight)
      else readOtherwise.add(weight)
    }
  }
  for (const { value } of [...graph.outputs, ...graph.stages]) {
    const weight = rowsOf.get(value)
    if (weight) readOtherwise.add(weight)
  }
  return new Map([...read].filter(([weight]) => !readOtherwise.has(weight) && !weight.derived))
}

/** Of a graph, what these values depend on; they are its outputs, by these names. */
export function graphBehind(graph: Graph, outputs: readonly NamedValue[]): Graph {
  const needed = new Set(outputs.map(({ value }) => value))
  const nodes = graph.nodes
    .toReversed()
    .filter(({ output, inputs }) => {
      if (!needed.has(output)) return false
      for (const input of inputs) needed.add(input)
      return true
    })
    .toReversed()
  const weights = graph.weights.filter((weight) => needed.has(weight))
  const inputs = graph.inputs.filter(({ value }) => needed.has(value))
  return { name: graph.name, inputs, weights, nodes, outputs, stages: [] }
}

/** Weights that a value depends on. */
export function weightsBehind(graph: Graph, value: Value): Set<Weight> {
  const weights = new Set<Value>(graph.weights)
  const producers = new Map(graph.nodes.map((node) => [node.output, node]))
  const seen = new Set<Value>()
  const found = new Set<Weight>()
  const open = [value]
  for (let next = open.pop(); next; next = open.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    if (weights.has(next)) found.add(next as Weight)
    open.push(...(producers.get(next)?.inputs ?? []))
  }
  return found
}

/**
 * Weights of a decoder whose rounding shows most: what makes the values of attention, and what leaves an MLP, which reads a
 * product or an activation and so the widest spread of numbers. llama.cpp's mixed files give the same two more bits.
 */
export function delicateWeights(graph: Graph): Set<Weight> {
  const producers = new Map(graph.nodes.map((node) => [node.output, node]))
  const values = new Set(
    graph.nodes.flatMap(({ op, inputs }) => (op === 'kvAttention' ? [inputs[2]!] : [])),
  )
  const found = new Set<Weight>()
  for (const { op, inputs, output } of graph.nodes) {
    if (op !== 'linear') continue
    const [x, weight] = inputs as [Value, Value]
    const before = producers.get(x)?.op
    const isBehindActivation = before !== undefined && ACTIVATED.has(before)
    if (!values.has(output) && !isBehindActivation) continue
    // Of a stack, all rows are stored alike.
    for (const behind of weightsBehind(graph, weight)) found.add(behind)
  }
  return found
}

const ACTIVATED: ReadonlySet<string> = new Set(['mul', 'silu', 'gelu', 'relu'])
