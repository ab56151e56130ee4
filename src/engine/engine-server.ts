/** The worker's side of the engine: commands in, one message a step out. */
import { setImmediate } from 'node:timers/promises'
import type { MessagePort } from 'node:worker_threads'
import { type AerieError, toWireError, type WireError } from '../errors.ts'
import type { DecoderSession } from './backend.ts'
import { EngineCore } from './engine-core.ts'
import type { EngineReady, EngineWorkerData, FromEngine, ToEngine } from './engine-messages.ts'
import type { StartMessage } from './worker-host.ts'

/** Counters go out this often while something changes, and at once when the engine falls idle. */
const STATS_INTERVAL_MS = 50

/** Serves a loaded decoder over a port until told to dispose; a defect in the loop ends the thread. */
export function serveDecoder(
  port: MessagePort,
  session: DecoderSession,
  scheduling: EngineWorkerData['scheduling'],
): void {
  let failures: WireError[] = []
  let statsAt = 0
  let loop: Promise<void> | undefined
  let disposing = false
  const core = new EngineCore(session, {
    ...scheduling,
    prefixCacheBlocks: scheduling.prefixCacheBlocks ?? Math.floor(session.kv.blocksTotal / 2),
    now: () => performance.now(),
    onFailure: (error) => failures.push(withStack(error)),
  })

  async function run(): Promise<void> {
    while (core.hasWork && !disposing) {
      await core.step()
      report()
      // Runs are synchronous in some backends: commands that came meanwhile are delivered here.
      await setImmediate()
    }
    loop = undefined
  }

  function report(): void {
    const events = core.takeEvents()
    const now = performance.now()
    const due = !core.hasWork || now - statsAt >= STATS_INTERVAL_MS
    if (due) statsAt = now
    if (!due && events.length === 0 && failures.length === 0) return
    const message: FromEngine = {
      type: 'step',
      events,
      failures,
      ...(due ? { stats: core.takeStats() } : {}),
    }
    failures = []
    port.postMessage(message)
  }

  async function dispose(): Promise<void> {
    disposing = true
    await loop
    await session.dispose()
    port.close()
  }

  port.on('message', (message: ToEngine) => {
    if (message.type === 'dispose') {
      void dispose()
      return
    }
    core.send(message)
    loop ??= run()
  })
  const ready: StartMessage<EngineReady> = {
    type: 'ready',
    vocabSize: session.vocabSize,
    hiddenSize: session.hiddenSize,
    maxContext: Math.min(session.maxContext, session.kv.blocksTotal * session.kv.blockSize),
    kvBlocksTotal: session.kv.blocksTotal,
  }
  port.postMessage(ready)
}

/** The error with the stack of what caused it; for the log, not for clients. */
function withStack(error: AerieError): WireError {
  const stack = error.cause instanceof Error ? error.cause.stack : error.stack
  return { ...toWireError(error), ...(stack ? { stack } : {}) }
}
