/** Memory of a process and of all that it started, and what it holds of the system, on Linux. */
import { globSync, readdirSync, readFileSync } from 'node:fs'

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

/** Of a process alone. */
export interface Held {
  readonly openFiles: number
  readonly threads: number
  /** Mappings of its address space: of files, of code, of the allocators. */
  readonly mappings: number
}

/** Rejects where there is no /proc or no such process. */
export function heldBy(pid: number): Held {
  const count = (folder: string) => readdirSync(`/proc/${pid}/${folder}`).length
  const mappings = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').length - 1
  return { openFiles: count('fd'), threads: count('task'), mappings }
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
