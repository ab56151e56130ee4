/** How much memory loaded models may take where the configuration does not say. */
import { totalmem } from 'node:os'

/** The rest is for requests: pictures, clips, sounds and texts that are under way, and the system's own cache of files. */
const SHARE = 0.75

/** Bytes: of the machine, or of the cgroup that this process is in where that is less. */
export function usualModelMemory(
  machine = totalmem(),
  // 0 where nothing bounds it, and absurdly much where the system says so.
  constrained = process.constrainedMemory(),
): number {
  const memory = constrained > 0 ? Math.min(machine, constrained) : machine
  return Math.floor(memory * SHARE)
}
