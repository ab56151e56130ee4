/** How much memory adapters take while they are loaded: as the native runtime packs matrices (kernels/cpu/src/linear/packed_linear.h). */
import type { AdapterShape, AdapterType } from './contract.ts'

const ELEMENT_BYTES: Readonly<Record<AdapterType, number>> = { f32: 4, f16: 2, bf16: 2 }
/** Outputs that lie beside each other. */
const PANEL = 16
const HEADER_BYTES = 128
const ALIGNMENT = 64

export interface MatrixShape {
  readonly type: AdapterType
  readonly out: number
  readonly in: number
}

/** Of one matrix of floats, a multiple of 64. */
export function packedMatrixBytes({ type, out, in: width }: MatrixShape): number {
  const values = Math.ceil(out / PANEL) * PANEL * width * ELEMENT_BYTES[type]
  return HEADER_BYTES + Math.ceil(values / ALIGNMENT) * ALIGNMENT
}

export function packedBytes(shapes: readonly AdapterShape[]): number {
  return shapes.reduce(
    (sum, { rank, in: width, out, types }) =>
      sum +
      packedMatrixBytes({ type: types.down, out: rank, in: width }) +
      packedMatrixBytes({ type: types.up, out, in: rank }),
    0,
  )
}
