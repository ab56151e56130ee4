/** Values of a program's weights, for running it without its runtime. */
import type { NativeWeight } from '../../models/graph/native/lower.ts'
import { interpret } from '../../src/engine/backends/reference/interpreter.ts'
import { slice } from '../../src/engine/backends/reference/layout.ts'
import { type Tensor, tensor } from '../../src/engine/backends/reference/tensor.ts'

/** In the program's order; `tensors` are those of the checkpoint, by name. */
export function weightTensors(
  weights: readonly NativeWeight[],
  tensors: ReadonlyMap<string, Tensor>,
): Tensor[] {
  return weights.map(({ source, shape }) => {
    if ('graph' in source) {
      const feeds = new Map<string, Tensor>()
      return interpret(source.graph, { feeds, weights: tensors }).get('value')!
    }
    const whole = tensors.get(source.weight.name)!
    const rows = source.rows ? slice(whole, 0, ...source.rows) : whole
    return tensor(shape, rows.data)
  })
}
