/** What a backend computes with, as the weights are stored. */
import { isBlockType } from './gguf-blocks.ts'
import type { WeightTensor } from './weights.ts'

/** What linear layers multiply. */
export type ComputedForm = 'float32' | 'int8'

/**
 * What a backend multiplies in the linear layers of these weights. The reference widens every weight, and ONNX Runtime reads
 * those of a GGUF file's blocks widened.
 */
export function computedAs(
  tensors: Iterable<Pick<WeightTensor, 'dtype' | 'quantisation'>>,
  backend: string,
): ComputedForm {
  for (const { dtype, quantisation } of tensors) {
    if (quantisation ? backend !== 'reference' : isBlockType(dtype) && backend === 'native')
      return 'int8'
  }
  return 'float32'
}
