/** Memory given back by hand, for what is large and comes with every request. */

/**
 * Frees a buffer's memory now; every view of it is empty afterwards. The collector comes by only after some 64 MiB of
 * buffers a thread, and what lies among them in the meantime keeps the allocator from giving anything back.
 * For buffers that the caller alone still sees.
 */
export function freeMemory(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0)
}

/** About what a cache of features may be over its bound by, in each thread. */
const COLLECT_AFTER = 16 * 1024 ** 2
let passed = 0

/**
 * To be told of the shared memory that comes by in a thread. It cannot be freed by hand, each thread that has seen it keeps it
 * until its own collector finds that nobody reads it any more, and V8 counts none of it: a thread that leaves little other
 * garbage would hold a hundred megabytes for minutes. Every 16 MiB of it the garbage is collected, in some milliseconds,
 * where the server is (`--expose-gc`).
 */
export function sharedMemoryPassed(bytes: number): void {
  passed += bytes
  if (passed < COLLECT_AFTER) return
  passed = 0
  globalThis.gc?.()
}
