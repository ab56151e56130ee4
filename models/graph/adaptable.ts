/** Which products of a decoder an adapter (LoRA) may add to. */
import type { Graph, NodeOf, Value, Weight } from './graph.ts'

/** A `linear` whose weight is a tensor of the checkpoint, or rows of one. */
export interface AdaptableLinear {
  /** Its place among them: by it a backend is told which matrices belong to it. */
  readonly number: number
  readonly node: NodeOf<'linear'>
  readonly weight: Weight
  /** Which rows of the weight it multiplies; absent: all. */
  readonly rows?: readonly [start: number, end: number]
}

/** In the order of the graph; the head is none, as no adapter that is served changes it. */
export function adaptableLinears(graph: Graph): AdaptableLinear[] {
  const logits = graph.outputs.find(({ name }) => name === 'logits')?.value
  const parts = new Map<Value, Omit<AdaptableLinear, 'number' | 'node'>>(
    graph.weights.flatMap((weight) => (weight.derived ? [] : [[weight, { weight }]])),
  )
  const found: AdaptableLinear[] = []
  for (const node of graph.nodes) {
    if (node.op === 'slice' && node.attributes.axis === 0) {
      const part = parts.get(node.inputs[0]!)
      const { start, end } = node.attributes
      if (part && !part.rows) parts.set(node.output, { ...part, rows: [start, end] })
    }
    if (node.op !== 'linear' || node.output === logits) continue
    const part = parts.get(node.inputs[1]!)
    if (part) found.push({ number: found.length, node, ...part })
  }
  return found
}

/** A name for what a linear multiplies. */
export function rowsName({ weight, rows }: Pick<AdaptableLinear, 'weight' | 'rows'>): string {
  return rows ? `${weight.name}[${rows[0]}:${rows[1]}]` : weight.name
}
