/** Cuts a graph into graphs that are run one after the other, so that few weights are needed at a time. */
import type { Graph, Node, Value, Weight } from './graph.ts'

export interface CutOptions {
  /** Most elements that the weights of one graph have, unless they are a single operation's. */
  readonly mostElements: number
  /** Stages that are outputs, too. */
  readonly stages?: readonly string[]
}

/**
 * Graphs of consecutive operations. What one makes and a later one reads is an output of the one and an input of the other,
 * by the same name; inputs and outputs of the whole keep theirs. Layers of a KV cache count from 0 in each.
 */
export function cutGraph(graph: Graph, { mostElements, stages = [] }: CutOptions): Graph[] {
  const weights = new Set<Value>(graph.weights)
  const fixed = fixedNodes(graph, weights)
  const runs = runsOf(graph, fixed, weights, mostElements)
  const published = [...graph.outputs, ...graph.stages.filter(({ name }) => stages.includes(name))]
  const names = new Map<Value, string>()
  for (const { name, value } of [...graph.inputs, ...published])
    if (!names.has(value)) names.set(value, name)
  const nameOf = (value: Value) => names.get(value) ?? `value.${value.id}`
  return runs.map((nodes, i) => {
    const made = new Set(nodes.map(({ output }) => output))
    const readLater = new Set(
      runs.slice(i + 1).flatMap((later) => later.flatMap(({ inputs }) => inputs)),
    )
    const needed = withFixed(nodes, fixed)
    const read = new Set(needed.flatMap(({ inputs }) => inputs))
    const own = new Set(needed.map(({ output }) => output))
    const outputs = published.filter(({ value }) => made.has(value))
    const isOutput = new Set(outputs.map(({ value }) => value))
    const handedOn = [...made].filter((value) => readLater.has(value) && !isOutput.has(value))
    return {
      name: `${graph.name}.${i}`,
      inputs: [...read]
        .filter((value) => !weights.has(value) && !own.has(value))
        .map((value) => ({ name: nameOf(value), value })),
      weights: graph.weights.filter((weight) => read.has(weight)),
      nodes: renumbered(needed),
      outputs: [...outputs, ...handedOn.map((value) => ({ name: nameOf(value), value }))],
      stages: [],
    }
  })
}

/** Operations on weights and constants alone: each graph that wants their result does them itself. */
function fixedNodes(graph: Graph, weights: ReadonlySet<Value>): Map<Value, Node> {
  const fixed = new Map<Value, Node>()
  for (const node of graph.nodes)
    if (node.inputs.every((input) => weights.has(input) || fixed.has(input)))
      fixed.set(node.output, node)
  return fixed
}

function runsOf(
  graph: Graph,
  fixed: ReadonlyMap<Value, Node>,
  weights: ReadonlySet<Value>,
  mostElements: number,
): Node[][] {
  const runs: Node[][] = []
  let run: Node[] = []
  let held = new Set<Value>()
  let elements = 0
  for (const node of graph.nodes) {
    if (fixed.has(node.output)) continue
    const more = withFixed([node], fixed)
      .flatMap(({ inputs }) => inputs)
      .filter((input) => weights.has(input) && !held.has(input))
    const added = sizeOf(new Set(more))
    if (run.length > 0 && elements + added > mostElements) {
      runs.push(run)
      run = []
      held = new Set()
      elements = 0
    }
    run.push(node)
    for (const weight of more) held.add(weight)
    elements += added
  }
  return [...runs, run]
}

/** The operations, each behind those on weights alone that it needs. */
function withFixed(nodes: readonly Node[], fixed: ReadonlyMap<Value, Node>): Node[] {
  const placed = new Set<Node>()
  const place = (node: Node) => {
    if (placed.has(node)) return
    for (const input of node.inputs) {
      const before = fixed.get(input)
      if (before) place(before)
    }
    placed.add(node)
  }
  for (const node of nodes) place(node)
  return [...placed]
}

function renumbered(nodes: readonly Node[]): Node[] {
  let layer = 0
  return nodes.map((node) =>
    node.op === 'kvAttention'
      ? { ...node, attributes: { ...node.attributes, layer: layer++ } }
      : node,
  )
}

function sizeOf(weights: Iterable<Value>): number {
  let elements = 0
  for (const { shape } of weights as Iterable<Weight>)
    elements += shape.reduce((product, size) => product * size, 1)
  return elements
}
