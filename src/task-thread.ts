/** A task in a thread of its own: one that would block the thread that it runs in. */
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { fromWireError, toWireError, type WireError } from './errors.ts'

type FromTask<Result> =
  | { readonly type: 'done'; readonly result: Result }
  | { readonly type: 'failed'; readonly error: WireError }

/** Rejects with what the task throws, or with the signal's reason, which ends it. `module` calls `answerTask`. */
export async function runTask<Result>(
  module: URL,
  task: unknown,
  signal?: AbortSignal,
): Promise<Result> {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  const worker = new Worker(module, { workerData: task })
  const abort = () => reject(signal!.reason)
  signal?.addEventListener('abort', abort)
  worker.on('message', (message: FromTask<Result>) => {
    if (message.type === 'done') resolve(message.result)
    else reject(fromWireError(message.error))
  })
  worker.on('error', reject)
  worker.on('exit', () => reject(new Error(`the thread ${module.pathname} ended before its task`)))
  try {
    return await promise
  } finally {
    signal?.removeEventListener('abort', abort)
    await worker.terminate()
  }
}

/** In the thread: does the task and says what came of it. */
export async function answerTask<Task, Result>(
  run: (task: Task) => Promise<Result>,
): Promise<void> {
  const say = (message: FromTask<Result>) => parentPort!.postMessage(message)
  try {
    say({ type: 'done', result: await run(workerData as Task) })
  } catch (error) {
    say({ type: 'failed', error: toWireError(error) })
  }
}
