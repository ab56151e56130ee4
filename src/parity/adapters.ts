/** One adapter for each way in which cases are laid out; the first that accepts a case takes it. */
import type { ParityAdapter } from './adapter.ts'
import { eagleAdapter } from './eagle-adapter.ts'
import { eagle2Adapter } from './eagle2-adapter.ts'
import { gridRuleAdapter } from './grid-rule-adapter.ts'
import { m3TranscriptsAdapter } from './m3-transcripts-adapter.ts'
import { nvilaAdapter } from './nvila-adapter.ts'
import { phiSAdapter } from './phi-s-adapter.ts'
import { radioAdapter } from './radio-adapter.ts'
import { starterAdapter } from './starter-adapter.ts'
import { starterHearingAdapter } from './starter-hearing-adapter.ts'
import { textDecoderAdapter } from './text-decoder-adapter.ts'
import { vilaAdapter } from './vila-adapter.ts'
import { vilaM3Adapter } from './vila-m3-adapter.ts'
import { vilaUAdapter } from './vila-u-adapter.ts'
import { vilaUDrawingAdapter } from './vila-u-drawing-adapter.ts'

export const ADAPTERS: readonly ParityAdapter[] = [
  starterAdapter,
  starterHearingAdapter,
  textDecoderAdapter,
  vilaAdapter,
  nvilaAdapter,
  vilaM3Adapter,
  m3TranscriptsAdapter,
  eagleAdapter,
  eagle2Adapter,
  gridRuleAdapter,
  radioAdapter,
  phiSAdapter,
  vilaUAdapter,
  vilaUDrawingAdapter,
]
