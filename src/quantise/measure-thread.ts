/** Measures in a thread of its own. */
import { Worker } from 'node:worker_threads'
import { fromWireError, type WireError } from '../errors.ts'
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
}

export type FromMeasureWorker =
  | { readonly type: 'measured'; readonly measured: Measured }
  | { readonly type: 'failed'; readonly error: WireError }

/** Rejects with `invalid_package`, `backend_failure` or the signal's reason. */
export async function measureInThread(task: ToMeasure, signal?: AbortSignal): Promise<Measured> {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Measured>()
  const worker = new Worker(new URL('./measure-worker.ts', import.meta.url), { workerData: task })
  const abort = () => reject(signal!.reason)
  signal?.addEventListener('abort', abort)
  worker.on('message', (message: FromMeasureWorker) => {
    if (message.type === 'measured') resolve(message.measured)
    else reject(fromWireError(message.error))
  })
  worker.on('error', reject)
  worker.on('exit', () => reject(new Error('the measuring thread ended before it was done')))
  try {
    return await promise
  } finally {
    signal?.removeEventListener('abort', abort)
    await worker.terminate()
  }
}
