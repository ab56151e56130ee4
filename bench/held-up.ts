/** How long a piece of work keeps the thread that it is begun in from everything else. */

export interface HeldUp {
  /** The longest stretch without a turn of the event loop. */
  readonly longest: number
  readonly whole: number
}

/** Processor time of this thread, in milliseconds: other programs do not count, nor do threads that are waited for. */
export async function heldUp(work: () => Promise<unknown>): Promise<HeldUp> {
  const now = () => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  const start = now()
  let longest = 0
  let last = start
  let isRunning = true
  const turn = () => {
    longest = Math.max(longest, now() - last)
    last = now()
    if (isRunning) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  isRunning = false
  turn()
  return { longest, whole: now() - start }
}
