import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { withDeadline } from '../src/deadline.ts'
import { AerieError } from '../src/errors.ts'

const cancelled = new AerieError('cancelled', 'cancelled')

describe('deadline of a request', () => {
  it('turns a cancellation by the clock into deadline_exceeded', async () => {
    using deadline = withDeadline(new AbortController().signal, 5)
    await delay(20)
    assert.equal(deadline.signal.aborted, true)
    assert.equal(deadline.remainingMs(), 0)
    assert.equal((deadline.explain(cancelled) as AerieError).code, 'deadline_exceeded')
  })

  it('keeps a cancellation by the client what it is, also when it comes as an AbortError', () => {
    const client = new AbortController()
    using deadline = withDeadline(client.signal, 10_000)
    client.abort()
    assert.equal(deadline.signal.aborted, true)
    assert.equal((deadline.explain(client.signal.reason) as AerieError).code, 'cancelled')
  })

  it('leaves other errors alone', () => {
    using deadline = withDeadline(new AbortController().signal, 10_000)
    const error = new AerieError('invalid_media', 'broken')
    assert.equal(deadline.explain(error), error)
  })
})
