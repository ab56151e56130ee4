/** One form of a tower in a process of its own, so that its memory is its own, and the other's threads are asleep. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from '../cli/command.ts'
import type { TowerJob, TowerSaid } from './tower-forms.ts'

export interface TowerRun {
  readonly seconds: number
  readonly peakBytes: number
}

export interface TowerProcess extends AsyncDisposable {
  readonly loadSeconds: number
  run(): Promise<TowerRun>
}

/** Rejects when the form cannot be loaded; what its process said stands on standard error. */
export async function startTower(job: TowerJob): Promise<TowerProcess> {
  const program = fileURLToPath(new URL('tower-program.ts', import.meta.url))
  // Without what was preloaded here, which lets a channel's program end: this one has nothing to do but to be told.
  const child = fork(program, [JSON.stringify(job)], { execArgv: [] })
  const loaded = await nextMessage(child, job)
  if (loaded.type !== 'loaded') throw new Error(`${job.form}: ran before it was asked to`)
  return {
    loadSeconds: loaded.seconds,
    run: async () => {
      const ran = nextMessage(child, job)
      child.send('run')
      const message = await ran
      if (message.type !== 'ran') throw new Error(`${job.form}: loaded twice`)
      return message
    },
    [Symbol.asyncDispose]: async () => {
      child.disconnect()
      child.kill()
    },
  }
}

function nextMessage(child: ChildProcess, { form }: TowerJob): Promise<TowerSaid> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: NodeJS.Signals | null) =>
      reject(
        new CommandFailure(`the process of ${form} ended early: ${signal ?? `exit code ${code}`}`),
      )
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message as TowerSaid)
    })
  })
}
