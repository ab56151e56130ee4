/** The worker's side of the engine: commands in, one message a step out. */
import { setImmediate } from 'node:timers/promises'
import type { MessagePort } from 'node:worker_threads'
import { type AerieError, toWireError, type WireError } from '../errors.ts'
import { sharedMemoryPassed } from '../free-memory.ts'
import type { DecoderSession } from './backend.ts'
import { ConstraintRoom } from './constraint-room.ts'
import { type Command, EngineCore, type RequestEvent } from './engine-core.ts'
import type {
  EngineReady,
  EngineWorkerData,
  FromEngine,
  GenerateMessage,
  PrepareMessage,
  ToEngine,
} from './engine-messages.ts'
import type { GenerateRequest } from './types.ts'
import type { StartMessage } from './worker-host.ts'

/**
 * Tokens go out this often at most, thirty times a second, which reads as a steady flow: a message costs both threads, the
 * socket and the client the same however little is in it. Everything else goes out at once, first tokens with their prefill
 * among it, and takes waiting tokens along.
 */
const TOKENS_INTERVAL_MS = 33
/** Counters go out this often while something changes, and at once when the engine falls idle. */
const STATS_INTERVAL_MS = 50

/** Serves a loaded decoder over a port until told to dispose; a defect in the loop ends the thread. */
export function serveDecoder(
  port: MessagePort,
  session: DecoderSession,
  { scheduling, grammars: limits }: Pick<EngineWorkerData, 'scheduling' | 'grammars'>,
): void {
  let failures: WireError[] = []
  let events: RequestEvent[] = []
  let eventsAt = 0
  let stepAt = 0
  let statsAt = 0
  let loop: Promise<void> | undefined
  let disposing = false
  const constraints = new ConstraintRoom(limits)
  const { prefixCacheBlocks = Math.floor(session.kv.blocksTotal / 2) } = scheduling
  const core = new EngineCore(session, {
    ...scheduling,
    prefixCacheBlocks,
    now: () => performance.now(),
    onFailure: (error) => failures.push(withStack(error)),
    onMaskWait: (masks, ms) => constraints.waited(masks, ms),
    onSteered: () => constraints.steered(),
  })

  async function run(): Promise<void> {
    while (core.hasWork && !disposing) {
      stepAt = performance.now()
      await core.step()
      report()
      // Runs are synchronous in some backends: commands that came meanwhile are delivered here.
      await setImmediate()
    }
    loop = undefined
  }

  function report(): void {
    events.push(...core.takeEvents())
    const now = performance.now()
    const due = !core.hasWork || now - statsAt >= STATS_INTERVAL_MS
    // Only where the next step is done by then, if it is like this one: slow models send each token when they have it.
    const inTime = now - eventsAt + (now - stepAt) < TOKENS_INTERVAL_MS
    const mayWait =
      events.length === 0 || (inTime && events.every(([, { type }]) => type === 'token'))
    if (!due && failures.length === 0 && mayWait) return
    if (due) statsAt = now
    if (events.length > 0) eventsAt = now
    const message: FromEngine = {
      type: 'step',
      events,
      failures,
      ...(due ? { stats: { ...core.takeStats(), grammars: constraints.stats() } } : {}),
    }
    failures = []
    events = []
    port.postMessage(message)
  }

  async function dispose(): Promise<void> {
    disposing = true
    await loop
    await constraints.dispose()
    await session.dispose()
    port.close()
  }

  port.on('message', (message: ToEngine) => {
    if (message.type === 'dispose') {
      void dispose()
      return
    }
    if (message.type === 'prepare') {
      void prepare(message)
      return
    }
    if (message.type === 'generate') sharedMemoryPassed(featureBytes(message.request))
    if (message.type === 'generate' && message.request.constraint) void begin(message)
    else if (!constraints.abandon(message)) pass(message)
  })

  function pass(command: Command): void {
    core.send(command)
    loop ??= run()
  }

  async function prepare({ id, constraint, vocabulary }: PrepareMessage): Promise<void> {
    const error = await constraints.compile(constraint, vocabulary).then(
      () => undefined,
      (reason: unknown) => toWireError(reason),
    )
    const message: FromEngine = {
      type: 'step',
      events: [],
      failures: [],
      prepared: [{ id, ...(error ? { error } : {}) }],
      stats: { ...core.takeStats(), grammars: constraints.stats() },
    }
    if (!disposing) port.postMessage(message)
  }

  /** Under a constraint, which is as a rule compiled already. */
  async function begin(message: GenerateMessage): Promise<void> {
    const begun = await constraints.begin(message)
    if (begun.command) pass(begun.command)
    else if (begun.error) {
      events.push([message.id, { type: 'error', error: begun.error }])
      report()
    }
  }

  const ready: StartMessage<EngineReady> = {
    type: 'ready',
    vocabSize: session.vocabSize,
    hiddenSize: session.hiddenSize,
    maxContext: Math.min(session.maxContext, session.kv.blocksTotal * session.kv.blockSize),
    kvBlocksTotal: session.kv.blocksTotal,
    stateSlotsTotal: session.states?.slotsTotal ?? 0,
    prefixCacheBlocks,
  }
  port.postMessage(ready)
}

/** The error with the stack of what caused it; for the log, not for clients. */
function withStack(error: AerieError): WireError {
  const stack = error.cause instanceof Error ? error.cause.stack : error.stack
  return { ...toWireError(error), ...(stack ? { stack } : {}) }
}

/** Of the pictures that a request comes with. */
function featureBytes({ prompt }: GenerateRequest): number {
  return prompt.reduce(
    (sum, part) => sum + (part.kind === 'features' ? part.features.data.byteLength : 0),
    0,
  )
}
