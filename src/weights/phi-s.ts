/**
 * PHI-S (arXiv 2410.01680): features are centred, rotated and divided by one number, so that every channel has variance 1.
 * y = W (x − mean) with W = H Uᵀ / phi, so that W Wᵀ = I / phi² and x = phi² Wᵀ y + mean.
 */
import { AerieError } from '../errors.ts'

export interface PhiS {
  /** `[channels]` */
  readonly mean: ArrayLike<number>
  /** W, `[channels, channels]`, row-major. */
  readonly tx: ArrayLike<number>
}

/** A linear layer, `[out, in]` and `[out]`. */
export interface Layer {
  readonly weight: ArrayLike<number>
  readonly bias: ArrayLike<number>
}

/** How far W may be from a scaled rotation, as a share of 1 / phi²: float32 leaves 10⁻⁶, half precision 10⁻³. */
const ROTATION_TOLERANCE = 1e-2

/** The one number: the root of the mean variance of the channels before. */
export function phiOf({ mean: { length: channels }, tx }: PhiS): number {
  let squares = 0
  for (let i = 0; i < tx.length; i++) squares += tx[i]! ** 2
  return Math.sqrt(channels / squares)
}

/** Rows `[n, channels]` → the same standardised. */
export function standardise(x: ArrayLike<number>, { mean, tx }: PhiS): Float64Array {
  const channels = mean.length
  const y = new Float64Array(x.length)
  for (let i = 0; i < x.length; i++) {
    const row = i - (i % channels)
    for (let c = 0; c < channels; c++)
      y[i]! += tx[(i % channels) * channels + c]! * (x[row + c]! - mean[c]!)
  }
  return y
}

/** The inverse of {@link standardise}. */
export function restore(y: ArrayLike<number>, phiS: PhiS): Float64Array {
  const { mean, tx } = phiS
  const channels = mean.length
  const square = phiOf(phiS) ** 2
  const x = new Float64Array(y.length)
  for (let i = 0; i < y.length; i++) {
    const row = i - (i % channels)
    let sum = 0
    for (let c = 0; c < channels; c++) sum += tx[c * channels + (i % channels)]! * y[row + c]!
    x[i] = square * sum + mean[i % channels]!
  }
  return x
}

/**
 * A head's last layer with the inverse in it, so that the head speaks the teacher's own language. Its rows are `channels`,
 * or as many again for each pixel that an upsampling head makes of a patch. Throws `invalid_package` when W is not a
 * rotation and a scale, or the layer has other rows.
 */
export function foldInverse({ weight, bias }: Layer, phiS: PhiS): Layer {
  const channels = phiS.mean.length
  checkRotation(phiS)
  if (bias.length % channels !== 0)
    throw invalid(`a layer of ${bias.length} rows does not give features of ${channels} channels`)
  const inputs = weight.length / bias.length
  // Column by column the layer's output is a vector in the standardised space; only the bias is moved by the mean.
  const columns = new Float64Array(weight.length)
  for (let i = 0; i < weight.length; i++)
    columns[(i % inputs) * bias.length + Math.floor(i / inputs)] = weight[i]!
  const turned = restore(columns, { ...phiS, mean: new Float64Array(channels) })
  const folded = new Float64Array(weight.length)
  for (let i = 0; i < weight.length; i++)
    folded[i] = turned[(i % inputs) * bias.length + Math.floor(i / inputs)]!
  return { weight: folded, bias: restore(bias, phiS) }
}

function checkRotation(phiS: PhiS): void {
  const { mean, tx } = phiS
  const channels = mean.length
  if (tx.length !== channels * channels)
    throw invalid(`${tx.length} values are not a matrix of ${channels}×${channels}`)
  const square = phiOf(phiS) ** 2
  for (let i = 0; i < channels; i++) {
    for (let j = 0; j <= i; j++) {
      let product = 0
      for (let c = 0; c < channels; c++) product += tx[i * channels + c]! * tx[j * channels + c]!
      const expected = i === j ? 1 : 0
      if (!(Math.abs(product * square - expected) <= ROTATION_TOLERANCE))
        throw invalid(`rows ${i} and ${j} of the matrix are not those of a rotation and a scale`)
    }
  }
}

function invalid(message: string): AerieError {
  return new AerieError('invalid_package', `PHI-S: ${message}`)
}
