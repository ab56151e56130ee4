/** What of a graph leads to one of its values. */
import type { Graph, Value } from './graph.ts'

/** A graph that gives a stage or an output alone, under its name, and has no operation and no weight that it needs not. */
export function partUpTo(graph: Graph, name: string): Graph {
  const end = [...graph.outputs, ...graph.stages].find((named) => named.name === name)
  if (!end) throw new Error(`graph ${graph.name} has no stage and no output ${name}`)
  const needed = new Set<Value>([end.value])
  const nodes = graph.nodes.toReversed().filter(({ inputs, output }) => {
    if (!needed.has(output)) return false
    for (const input of inputs) needed.add(input)
    return true
  })
  return {
    name: `${graph.name}.${name}`,
    inputs: graph.inputs.filter(({ value }) => needed.has(value)),
    weights: graph.weights.filter((weight) => needed.has(weight)),
    nodes: nodes.toReversed(),
    outputs: [end],
    stages: [],
  }
}
