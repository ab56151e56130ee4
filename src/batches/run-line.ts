/** One line from its place in the input to its result: read, asked, asked again where that may help. */
import { setTimeout as delay } from 'node:timers/promises'
import { AerieError, type ErrorCode } from '../errors.ts'
import type { BatchRecord, LineResult, TakenLine } from './batch-records.ts'
import type { Dispatch, LineAnswer } from './dispatch.ts'
import type { LineBodies } from './line-bodies.ts'
import { answerResult, refusedResult } from './result-line.ts'

export interface RunLineOptions {
  readonly bodies: Pick<LineBodies, 'read'>
  readonly dispatch: Dispatch
  /** Of one answer. */
  readonly maxAnswerBytes: number
  /** The server has more to do than it can: milliseconds after which it may have less. */
  onBusy(retryAfterMs: number): void
  /** Hears why the line has to wait, and with undefined that it waits no more. */
  onTrouble(reason: string | undefined): void
  /** First of the waits between attempts that failed; each next one is twice as long. */
  readonly firstWaitMs: number
}

/** Of times that a line may fail in a way that is not its own fault before it has failed. */
const MOST_ATTEMPTS = 4
/** Servers that may die while they have a line; then it is believed to be why. */
export const MOST_CRASHES = 4
const MOST_WAIT_MS = 30_000

/** Others had more to say, or the server stops: asked again for as long as it takes. */
const BUSY: readonly ErrorCode[] = ['queue_full', 'not_ready', 'shutting_down', 'cancelled']
/** Asked again a few times. */
const PASSING: readonly ErrorCode[] = [
  'deadline_exceeded',
  'backend_failure',
  'internal_error',
  'model_unavailable',
]

/** Undefined where the signal fired first: the line has no result and may be run again. */
export async function runLine(
  line: TakenLine,
  batch: BatchRecord,
  options: RunLineOptions,
  signal: AbortSignal,
): Promise<LineResult | undefined> {
  if (line.crashes >= MOST_CRASHES) {
    const what = `the server ended ${line.crashes} times while it ran this line`
    return refusedResult(line, 'backend_failure', what)
  }
  const body = await readBody(line, batch, options, signal)
  if (body === undefined) return undefined
  if (typeof body === 'string') return refusedResult(line, 'not_found', body)
  const { endpoint, tenant, id: batchId } = batch
  for (let attempt = 1, waits = 0; !signal.aborted; waits++) {
    const answer = await untilAborted(
      options.dispatch({ endpoint, body, tenant, batchId, signal }),
      signal,
    )
    // What was cut off is no answer, whatever the route made of it.
    if (!answer || signal.aborted) return undefined
    const again = asksAgain(answer, attempt)
    if (!again) return bounded(line, answer, options.maxAnswerBytes)
    if (again === 'passing') attempt++
    const wait = answer.retryAfterMs ?? options.firstWaitMs * 2 ** waits
    const waitMs = Math.min(wait, MOST_WAIT_MS)
    options.onBusy(waitMs)
    await pause(waitMs, signal)
  }
  return undefined
}

function asksAgain({ code }: LineAnswer, attempt: number): 'busy' | 'passing' | undefined {
  if (code === undefined) return undefined
  if (BUSY.includes(code)) return 'busy'
  return PASSING.includes(code) && attempt < MOST_ATTEMPTS ? 'passing' : undefined
}

function bounded(line: TakenLine, answer: LineAnswer, maxBytes: number): LineResult {
  if (answer.body.length <= maxBytes) return answerResult(line, answer)
  const what = `the answer has ${answer.body.length} bytes, more than the ${maxBytes} of maxBodyBytes`
  return refusedResult(line, 'request_too_large', what)
}

/** A text where there is no such body any more; undefined where the signal fired. Waits for a disk that fails. */
async function readBody(
  line: TakenLine,
  batch: BatchRecord,
  { bodies, onTrouble, firstWaitMs }: RunLineOptions,
  signal: AbortSignal,
): Promise<Buffer | string | undefined> {
  for (let waits = 0; !signal.aborted; waits++) {
    try {
      const body = await bodies.read(batch, line)
      if (waits > 0) onTrouble(undefined)
      if (body) return body
      return `the input file ${batch.inputFileId} was deleted or has expired meanwhile`
    } catch (error) {
      if (signal.aborted) return undefined
      onTrouble(error instanceof AerieError ? error.message : 'the input file cannot be read')
      await pause(Math.min(firstWaitMs * 2 ** waits, MOST_WAIT_MS), signal)
    }
  }
  return undefined
}

/** Undefined as soon as the signal fires, however long the work takes to notice. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const stop = () => resolve(undefined)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Ends early when the signal fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
