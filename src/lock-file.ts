/** One process at a time, by a file that names it. */
import { open, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { isProcessAlive } from './process-alive.ts'

export type Lock =
  | { readonly isHeld: true; unlock(): Promise<void> }
  /** `holder` reads well after "process": `123 on build-7`. */
  | { readonly isHeld: false; readonly holder: string }

/**
 * Makes the file, or says whose it is: another process's, or this one's. The lock of a process that is gone is taken over.
 * Rejects with the system's own errors.
 */
export async function lockFile(path: string): Promise<Lock> {
  for (let attempt = 0; ; attempt++) {
    try {
      await using handle = await open(path, 'wx')
      await handle.writeFile(`${process.pid} ${hostname()}`)
      return { isHeld: true, unlock: () => rm(path, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const [pid, host] = (await readFile(path, 'utf8').catch(() => '')).split(' ')
    if (attempt > 0 || host !== hostname() || isProcessAlive(Number(pid)))
      return { isHeld: false, holder: `${pid || 'unknown'} on ${host || 'another machine'}` }
    await rm(path, { force: true })
  }
}
