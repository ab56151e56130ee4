/** Runners over SQLite: whatever happens to servers and disks, each line has one result, everything ends and nothing is held for ever. */
import { test } from 'node:test'
import fc from 'fast-check'
import { propertyRuns } from '../support/property-runs.ts'
import { RunnerSchedule, runnerSchedules, seen } from '../support/runner-schedule.ts'

test('whatever happens to the servers of a batch, each line is in its files once with the result that was kept, and all comes to its end', async (t) => {
  const property = fc.asyncProperty(runnerSchedules, (steps) => new RunnerSchedule().run(steps))
  await fc.assert(property, { ...propertyRuns(40, t, 0.05), endOnFailure: true })
  const counts = Object.entries(seen).map(([what, times]) => `${what} ${times}`)
  t.diagnostic(counts.join(', '))
})
