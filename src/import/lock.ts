/** One import at a time in a folder. */
import { open, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { AerieError } from '../errors.ts'
import { isProcessAlive } from '../process-alive.ts'

/**
 * Gives back what unlocks it. The lock of a process that is gone is taken over. Rejects with `invalid_package` while another
 * process, or this one, holds it.
 */
export async function lockFolder(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'lock')
  for (let attempt = 0; ; attempt++) {
    try {
      await using handle = await open(path, 'wx')
      await handle.writeFile(`${process.pid} ${hostname()}`)
      return () => rm(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const [pid, host] = (await readFile(path, 'utf8').catch(() => '')).split(' ')
    if (attempt > 0 || host !== hostname() || isProcessAlive(Number(pid))) {
      throw new AerieError(
        'invalid_package',
        `${directory}: process ${pid || 'unknown'} on ${host || 'another machine'} is importing here; if it is gone, remove ${path}`,
      )
    }
    await rm(path, { force: true })
  }
}
