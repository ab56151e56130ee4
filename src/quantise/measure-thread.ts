/** Measures in a thread of its own. */

import { runTask } from '../task-thread.ts'
import type { LogitAgreement } from './agreement.ts'
import type { TowerAgreement } from './measure.ts'

export interface ToMeasure {
  /** Folder of the checkpoint as it was. */
  readonly before: string
  /** Folder of the package, or a file of weights that take the place of some of the checkpoint's. */
  readonly quantised:
    | { readonly package: string }
    | { readonly trial: string; readonly file: string }
  readonly parts: 'encoder' | 'all'
  readonly threads: number
}

export interface Measured {
  /** Empty for text models. */
  readonly towers: readonly TowerAgreement[]
  readonly decoder?: LogitAgreement & { readonly prompts: number }
  /** Of what a step of the decoder multiplies with, scales and the like too. */
  readonly bitsPerWeight?: number
}

/** Rejects with `invalid_package`, `backend_failure` or the signal's reason. */
export async function measureInThread(task: ToMeasure, signal?: AbortSignal): Promise<Measured> {
  return await runTask(new URL('./measure-worker.ts', import.meta.url), task, signal)
}
