/** What a worker thread says to the main thread before it serves: remarks for the log, and that it could not load its model. */
import type { MessagePort } from 'node:worker_threads'
import { toWireError } from '../errors.ts'
import type { BackendOptions } from './backend.ts'
import type { RemarkMessage, StartMessage } from './worker-host.ts'

/** The options as the thread was given them, with remarks going to the log of the main thread. */
export function withRemarks(port: MessagePort, options: BackendOptions): BackendOptions {
  const remark = (text: string) => {
    const message: RemarkMessage = { type: 'remark', text }
    port.postMessage(message)
  }
  return { ...options, remark }
}

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
