/** Memory of a process and of all that it started, on Linux. */
import { globSync, readFileSync } from 'node:fs'

/**
 * Resident bytes of the process and its descendants together; pages that they share count for each.
 * Undefined where there is no /proc or no such process.
 */
export function residentBytes(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const own = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
    return childrenOf(pid).reduce((sum, child) => sum + (residentBytes(child) ?? 0), own)
  } catch {
    return undefined
  }
}

/** Any thread may have started a child. */
function childrenOf(pid: number): number[] {
  return globSync(`/proc/${pid}/task/*/children`).flatMap((file) =>
    readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}
