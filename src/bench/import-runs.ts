/** Imports in a process of their own: what they take, and what a kill leaves of them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from '../cli/command.ts'

const AERIE = fileURLToPath(new URL('../../bin/aerie.js', import.meta.url))
/** How often the kernel is asked for a process's highest memory, which it keeps itself. */
const LOOK_MS = 20

export interface ImportRun {
  readonly seconds: number
  /** Undefined where there is no /proc. */
  readonly peakBytes: number | undefined
  readonly digest: string
}

/** Imports a folder, from start of the process to its end; the package is left in `modelsDir`. */
export async function timedImport(folder: string, modelsDir: string): Promise<ImportRun> {
  const start = performance.now()
  const child = startImport(folder, modelsDir)
  const [said, complained] = [text(child.stdout!), text(child.stderr!)]
  const exit = once(child, 'exit')
  let peakBytes: number | undefined
  while (child.exitCode === null && child.signalCode === null) {
    peakBytes = highestResident(child.pid!) ?? peakBytes
    await Promise.race([exit, delay(LOOK_MS)])
  }
  const seconds = (performance.now() - start) / 1000
  if (child.exitCode !== 0)
    throw new CommandFailure(`aerie import failed: ${(await complained).trim()}`)
  const manifest = await readFile(join((await said).trim(), 'aerie.json'), 'utf8')
  return { seconds, peakBytes, digest: JSON.parse(manifest).digest }
}

/** Kills an import after so many milliseconds; false when it was done before. */
export async function killedImport(
  folder: string,
  modelsDir: string,
  afterMs: number,
): Promise<boolean> {
  const child = startImport(folder, modelsDir)
  child.stdout!.resume()
  child.stderr!.resume()
  const exit = once(child, 'exit')
  await Promise.race([exit, delay(afterMs)])
  if (child.exitCode !== null) return false
  child.kill('SIGKILL')
  await exit
  return true
}

/** What `cp` does: each file by the system's own copying. Seconds. */
export async function timedCopy(
  folder: string,
  files: readonly string[],
  target: string,
): Promise<number> {
  await mkdir(target)
  const start = performance.now()
  for (const file of files) await copyFile(join(folder, file), join(target, file))
  return (performance.now() - start) / 1000
}

/** Writes everything below these files' folder to the disk, so that the next measurement does not wait for it, and removes it. */
export async function settle(folder: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    await using handle = await open(join(folder, file), 'r')
    await handle.sync()
  }
  await rm(folder, { recursive: true })
}

/** Takes files out of the page cache; false where there is no tool that does. */
export async function dropFromCache(folder: string, files: readonly string[]): Promise<boolean> {
  for (const file of files) {
    // posix_fadvise, which Node does not have; nothing is written.
    const args = [`if=${join(folder, file)}`, 'iflag=nocache', 'count=0', 'status=none']
    const child = spawn('dd', args, { stdio: 'ignore' })
    const ended = await Promise.race([
      once(child, 'exit').then(([code]) => code === 0),
      once(child, 'error').then(() => false),
    ])
    if (!ended) return false
  }
  return true
}

function startImport(folder: string, modelsDir: string): ChildProcess {
  return spawn(process.execPath, [AERIE, 'import', folder, '--models-dir', modelsDir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Whole threads, file buffers of the process included; the page cache is not. */
function highestResident(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}
