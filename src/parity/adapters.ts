/** One adapter for each way in which cases are laid out; the first that accepts a case takes it. */
import type { ParityAdapter } from './adapter.ts'
import { eagleAdapter } from './eagle-adapter.ts'
import { phiSAdapter } from './phi-s-adapter.ts'
import { radioAdapter } from './radio-adapter.ts'
import { starterAdapter } from './starter-adapter.ts'
import { textDecoderAdapter } from './text-decoder-adapter.ts'
import { vilaAdapter } from './vila-adapter.ts'
import { vilaUAdapter } from './vila-u-adapter.ts'
import { vilaUDrawingAdapter } from './vila-u-drawing-adapter.ts'

export const ADAPTERS: readonly ParityAdapter[] = [
  starterAdapter,
  textDecoderAdapter,
  vilaAdapter,
  eagleAdapter,
  radioAdapter,
  phiSAdapter,
  vilaUAdapter,
  vilaUDrawingAdapter,
]
