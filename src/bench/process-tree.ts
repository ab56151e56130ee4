/** Memory of a process and of all that it started, on Linux. */
import { globSync, readFileSync } from 'node:fs'

/** Resident bytes. */
export interface TreeMemory {
  /** Of the process alone. */
  readonly own: number
  /** Of its descendants together; pages that they share with it or with each other count for each. */
  readonly descendants: number
}

/** Undefined where there is no /proc or no such process. */
export function treeMemory(pid: number): TreeMemory | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const own = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
    return { own, descendants: childrenOf(pid).reduce((sum, child) => sum + allOf(child), 0) }
  } catch {
    return undefined
  }
}

function allOf(pid: number): number {
  const memory = treeMemory(pid)
  return memory ? memory.own + memory.descendants : 0
}

/** Any thread may have started a child. */
function childrenOf(pid: number): number[] {
  return globSync(`/proc/${pid}/task/*/children`).flatMap((file) =>
    readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}
