/** A lease within the deadline of the request that needs it. */
import type { Deadline } from '../deadline.ts'
import type { AcquireOptions, Lease, ModelLender } from './contract.ts'

/** Of what is left of its time, what a request of a batch spends waiting before it goes to the end of the line. */
const BATCH_SHARE = 0.75

/** Rejects as `acquire` does, and with `deadline_exceeded`. */
export async function borrow(
  models: ModelLender,
  id: string,
  priority: AcquireOptions['priority'],
  deadline: Deadline,
): Promise<Lease> {
  const { signal } = deadline
  // Its place is taken again later: a model that live requests keep out of memory is no failure of the line.
  const patience = priority === 'batch' && { patienceMs: deadline.remainingMs() * BATCH_SHARE }
  try {
    return await models.acquire(id, { priority, signal, ...patience })
  } catch (error) {
    throw deadline.explain(error)
  }
}
