/** Runs a load in a process of its own, so that neither the server nor the clock here is disturbed. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from '../cli/command.ts'
import type { LoadPlan, LoadResult } from './load.ts'

/** Drives the server as planned. Rejects when the load process dies; failed requests are in the records. */
export function runLoad(plan: LoadPlan): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('load-process.ts', import.meta.url)))
    child.once('message', (result) => resolve(result as LoadResult))
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      reject(new CommandFailure(`the load process ended early: ${signal ?? `exit code ${code}`}`)),
    )
    child.send(plan)
  })
}
