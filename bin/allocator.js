/**
 * How glibc's allocator treats a long-lived server. By itself it gives each of two dozen threads a heap of its own and, once
 * large blocks come and go, keeps even those in its heaps; both break up, and memory grows for thousands of pictures.
 * Two heaps, and blocks from 64 KiB on mapped one by one, take less and give back more; docs/performance.md has the figures.
 */
const SETTINGS = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '65536' }

/** The environment for a long-lived process; what the user has set stays. */
export function withSteadyAllocator(environment) {
  return { ...SETTINGS, ...environment }
}

/** Starts this process again, under the same id, if its allocator was not told. Only ever once, and only on Linux. */
export function steadyAllocator() {
  const isTold = Object.keys(SETTINGS).every((name) => process.env[name] !== undefined)
  if (process.platform !== 'linux' || isTold) return
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(process.execPath, args, withSteadyAllocator(process.env))
}
