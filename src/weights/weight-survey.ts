/** What is told of a model's weights as a whole, summed up where their headers are read: few numbers of many tensors. */
import { isBlockType } from './gguf-blocks.ts'
import { storedForm } from './quantised.ts'
import type { WeightTensor } from './weights.ts'

export interface WeightSurvey {
  readonly parameters: number
  /** As they are stored, scales and the like included. */
  readonly bytes: number
  /** Number of tensors by the form that they are stored in. */
  readonly dtypes: Readonly<Record<string, number>>
  /** Bytes of what is held of each tensor in the form that it is stored in. */
  readonly heldBytes: number
  /** The same where all but quantised ones are widened to 32-bit floats. */
  readonly widenedBytes: number
  /** Some are quantised by this program. */
  readonly isQuantised: boolean
  /** Some lie in blocks of GGUF. */
  readonly hasBlocks: boolean
}

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT

export function surveyWeights(tensors: Iterable<WeightTensor>): WeightSurvey {
  const dtypes: Record<string, number> = {}
  let [parameters, bytes, heldBytes, widenedBytes] = [0, 0, 0, 0]
  let [isQuantised, hasBlocks] = [false, false]
  for (const tensor of tensors) {
    const { shape, byteLength, quantisation } = tensor
    const form = storedForm(tensor)
    const elements = shape.reduce((product, extent) => product * extent, 1)
    dtypes[form.dtype] = (dtypes[form.dtype] ?? 0) + 1
    parameters += elements
    bytes += form.byteLength
    heldBytes += byteLength
    widenedBytes += quantisation ? byteLength : elements * FLOAT_BYTES
    if (quantisation) isQuantised = true
    else if (isBlockType(tensor.dtype)) hasBlocks = true
  }
  return { parameters, bytes, dtypes, heldBytes, widenedBytes, isQuantised, hasBlocks }
}
