/** Something that is measured in a process of its own, so that its memory is its own, and the others' threads are asleep. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from '../cli/command.ts'
import type { MeasuredRun, MeasuredSaid } from './measured-program.ts'

export interface MeasuredProcess extends AsyncDisposable {
  readonly loadSeconds: number
  /** With as many pictures, where the program has a choice. */
  run(pictures?: number): Promise<MeasuredRun>
}

/** Starts a program of this folder. Rejects when it cannot load its job; what it said stands on standard error. */
export async function startMeasured(
  program: `${string}-program.ts`,
  job: object,
  name: string,
): Promise<MeasuredProcess> {
  const path = fileURLToPath(new URL(program, import.meta.url))
  // Without what was preloaded here, which lets a channel's program end: this one has nothing to do but to be told.
  const child = fork(path, [JSON.stringify(job)], { execArgv: [] })
  const loaded = await nextMessage(child, name)
  if (loaded.type !== 'loaded') throw new Error(`${name}: ran before it was asked to`)
  return {
    loadSeconds: loaded.seconds,
    run: async (pictures = 1) => {
      const ran = nextMessage(child, name)
      child.send(pictures)
      const message = await ran
      if (message.type !== 'ran') throw new Error(`${name}: loaded twice`)
      return message
    },
    [Symbol.asyncDispose]: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.disconnect()
      child.kill()
      // Its memory is wanted by whatever is measured next.
      await ended
    },
  }
}

function nextMessage(child: ChildProcess, name: string): Promise<MeasuredSaid> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: NodeJS.Signals | null) =>
      reject(
        new CommandFailure(`the process of ${name} ended early: ${signal ?? `exit code ${code}`}`),
      )
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message as MeasuredSaid)
    })
  })
}
