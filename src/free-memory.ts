/** Memory given back by hand, for what is large and comes with every request. */

/**
 * Frees a buffer's memory now; every view of it is empty afterwards. The collector comes by only after some 64 MiB of
 * buffers a thread, and what lies among them in the meantime keeps the allocator from giving anything back.
 * For buffers that the caller alone still sees.
 */
export function freeMemory(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0)
}
