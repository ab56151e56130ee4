/** By what name a server takes work, so that another on the same machine can tell whether it is gone. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { isProcessAlive } from '../process-alive.ts'

/** The machine, its start and, in a container, the container: within one, a process id says one thing at a time. */
const SCOPE = createHash('sha256').update(describeScope()).digest('hex').slice(0, 16)
const UNKNOWN_START = '0'

export function newServerName(): string {
  const { pid } = process
  return `${SCOPE}-${pid}-${startOf(pid) ?? UNKNOWN_START}-${randomBytes(4).toString('hex')}`
}

/** Whether the server of this name is known to have ended. One elsewhere never is. */
export function isGone(name: string): boolean {
  const [scope, pid, start] = name.split('-')
  if (scope !== SCOPE) return false
  if (!isProcessAlive(Number(pid))) return true
  // The id may have been given to another process.
  return start !== UNKNOWN_START && startOf(Number(pid)) !== start
}

/** When a process began, in ticks since the machine did; undefined where the system does not say. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program, in parentheses, may have anything in it. proc(5): starttime is the 22nd field.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function describeScope(): string {
  const known = [hostname()]
  for (const read of [
    () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'),
    () => readlinkSync('/proc/self/ns/pid'),
  ]) {
    try {
      known.push(read())
    } catch {
      // Not Linux: the name of the machine has to do, and a process id that was given anew costs a wait.
    }
  }
  return known.join('\n')
}
