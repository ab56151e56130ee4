/** How a worker thread says that it could not load its model. */
import type { MessagePort } from 'node:worker_threads'
import { toWireError } from '../errors.ts'
import type { StartMessage } from './worker-host.ts'

/** Runs `start`; if it fails, tells the main thread why and lets the thread end. */
export async function reportFailedStart(
  port: MessagePort,
  start: () => Promise<void>,
): Promise<void> {
  try {
    await start()
  } catch (error) {
    const message: StartMessage<object> = { type: 'failed', error: toWireError(error) }
    port.postMessage(message)
    port.close()
  }
}
