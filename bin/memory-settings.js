/**
 * How the memory of a long-lived server is kept. By itself glibc's allocator gives each of two dozen threads a heap of its own and,
 * once large blocks come and go, keeps even those there, among the pieces that sockets deliver. The heaps break up, and memory
 * grows for thousands of pictures. Two heaps, and blocks from 16 KiB on mapped one by one, take less and give back more.
 * V8 lets such pieces lie until its young generation is full; a small one lets go of them sooner. docs/performance.md has the
 * figures. What takes the types out of the sources takes more than the sources do, so it is done beforehand, elsewhere.
 */
const ALLOCATOR = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '16384' }
const YOUNG_GENERATION = '--max-semi-space-size'
/** For src/free-memory.ts. */
const COLLECTOR = '--expose-gc'
const STRIPPED_TYPES = new URL('stripped-types.js', import.meta.url).href

/** The environment for a long-lived process; what the user has set stays. */
export function memoryEnvironment(environment) {
  return { ...ALLOCATOR, ...environment }
}

/** Node's own arguments for one, beside those that the user has given. */
export function memoryArguments(given, nodeOptions = '') {
  const isSet = (name) => [...given, nodeOptions].some((option) => option.includes(name))
  return [
    ...(isSet(YOUNG_GENERATION) ? [] : [`${YOUNG_GENERATION}=2`]),
    ...(isSet(COLLECTOR) ? [] : [COLLECTOR]),
    ...(isSet(STRIPPED_TYPES) ? [] : [`--import=${STRIPPED_TYPES}`]),
  ]
}

/** Starts this process again, under the same id, if it was not told all of this. Only ever once, and only on Linux. */
export function applyMemorySettings() {
  const missing = memoryArguments(process.execArgv, process.env.NODE_OPTIONS)
  const isTold = Object.keys(ALLOCATOR).every((name) => process.env[name] !== undefined)
  if (process.platform !== 'linux' || (isTold && missing.length === 0)) return
  const args = [process.execPath, ...process.execArgv, ...missing, ...process.argv.slice(1)]
  process.execve(process.execPath, args, memoryEnvironment(process.env))
}
