/** What a step of a decoder reads of its weights. */
import { storedParts } from '../../weights/quantised.ts'
import { decoderGraph, type ModelFiles } from './model-files.ts'

export interface StepSize {
  /** Elements that every position is multiplied with. */
  readonly layers: number
  /** Those of positions whose logits are wanted. */
  readonly head: number
  /** Of both, as they are stored, scales and the like too. */
  readonly weightBytes: number
}

/** A table that is only looked up is not part of it. Throws `invalid_package` for a model without a decoder. */
export function stepSize(files: Pick<ModelFiles, 'graphs' | 'tensors' | 'limits'>): StepSize {
  const named = decoderGraph(files).weights.map(({ name }) => files.tensors.get(name))
  const tensors = new Set(named.filter((tensor) => tensor !== undefined))
  const all = [...tensors].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  const head = files.limits.vocabSize * files.limits.hiddenSize
  const weightBytes = [...tensors]
    .flatMap((tensor) => storedParts(tensor))
    .reduce((sum, { byteLength }) => sum + byteLength, 0)
  return { layers: all - head, head, weightBytes }
}

export function bitsPerWeight({ layers, head, weightBytes }: StepSize): number {
  return (8 * weightBytes) / (layers + head)
}
