/** A disk of its own for a test: small, to be filled, and to be made read-only. */
import { execFileSync } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export interface SmallDisk extends Disposable {
  remount(how: 'ro' | 'rw'): void
}

/** At a folder, of a size such as `1m`; undefined, and the test is skipped, where this process may not mount any. */
export function smallDisk(t: TestContext, path: string, size: string): SmallDisk | undefined {
  const options = ['-t', 'tmpfs', '-o', `size=${size},mode=700`]
  try {
    execFileSync('mount', [...options, 'tmpfs', path], { stdio: 'pipe' })
  } catch (error) {
    t.skip(`no disk can be mounted here: ${String(error).split('\n')[0]}`)
    return undefined
  }
  return {
    remount: (how) => execFileSync('mount', ['-o', `remount,${how}`, path]),
    [Symbol.dispose]: () => execFileSync('umount', ['-l', path]),
  }
}

/** Writes a file until nothing more fits. */
export async function filledUp(path: string): Promise<{ free(): Promise<void> }> {
  const filler = join(path, 'filler')
  await using file = await open(filler, 'w')
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) {
    for (;;) {
      const wrote = await file.write(Buffer.alloc(size)).catch(() => undefined)
      if (wrote?.bytesWritten !== size) break
    }
  }
  return { free: () => rm(filler) }
}
