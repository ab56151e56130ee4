/** One import at a time in a folder. */
import { join } from 'node:path'
import { AerieError } from '../errors.ts'
import { lockFile } from '../lock-file.ts'

/**
 * Gives back what unlocks it. The lock of a process that is gone is taken over. Rejects with `invalid_package` while another
 * process, or this one, holds it.
 */
export async function lockFolder(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, 'lock')
  const lock = await lockFile(path)
  if (lock.isHeld) return lock.unlock
  throw new AerieError(
    'invalid_package',
    `${directory}: process ${lock.holder} is importing here; if it is gone, remove ${path}`,
  )
}
