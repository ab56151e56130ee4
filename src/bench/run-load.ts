/** Runs a load in a process of its own, so that neither the server nor the clock here is disturbed. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from '../cli/command.ts'
import type { LoadPlan, LoadResult } from './load.ts'

/**
 * Drives the server as planned. Rejects when the load process dies or the signal ends it; failed requests are in the records.
 */
export function runLoad(plan: LoadPlan, signal?: AbortSignal): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const program = fileURLToPath(new URL('load-process.ts', import.meta.url))
    const child = fork(program, { ...(signal && { signal }) })
    child.once('message', (result) => resolve(result as LoadResult))
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      reject(new CommandFailure(`the load process ended early: ${signal ?? `exit code ${code}`}`)),
    )
    child.send(plan)
  })
}
