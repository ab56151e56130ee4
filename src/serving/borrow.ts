/** A lease within the deadline of the request that needs it. */
import type { Deadline } from '../deadline.ts'
import { machineMs } from '../machine-clock.ts'
import { codeOf, currentSpan } from '../tracing/trace.ts'
import type { AcquireOptions, Lease, ModelLender } from './contract.ts'

/** Of what is left of its time, what a request of a batch spends waiting before it goes to the end of the line. */
const BATCH_SHARE = 0.75

/** Rejects as `acquire` does, and with `deadline_exceeded`. A trace has the wait for a model that is not there, and none for one that is. */
export async function borrow(
  models: ModelLender,
  id: string,
  priority: AcquireOptions['priority'],
  deadline: Deadline,
): Promise<Lease> {
  const { signal } = deadline
  const [span, from] = [currentSpan(), machineMs()]
  const attributes = { 'gen_ai.request.model': id }
  // Its place is taken again later: a model that live requests keep out of memory is no failure of the line.
  const patience = priority === 'batch' && { patienceMs: deadline.remainingMs() * BATCH_SHARE }
  try {
    const lease = await models.acquire(id, { priority, signal, ...patience })
    if (lease.waited) span.add('load', from, machineMs(), attributes)
    return lease
  } catch (cause) {
    const error = deadline.explain(cause)
    span.begin('load', attributes, from).end({ error: codeOf(error) })
    throw error
  }
}
