/** What a backend computes with, as the weights are stored. */
import type { WeightSurvey } from './weight-survey.ts'

/** What linear layers multiply. */
export type ComputedForm = 'float32' | 'int8'

/**
 * What a backend multiplies in the linear layers of these weights. The reference widens every weight, and ONNX Runtime reads
 * those of a GGUF file's blocks widened.
 */
export function computedAs(
  { isQuantised, hasBlocks }: Pick<WeightSurvey, 'isQuantised' | 'hasBlocks'>,
  backend: string,
): ComputedForm {
  const isInt8 = (isQuantised && backend !== 'reference') || (hasBlocks && backend === 'native')
  return isInt8 ? 'int8' : 'float32'
}
