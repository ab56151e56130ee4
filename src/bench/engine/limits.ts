/** What the machine itself can do, measured in the same run. */
import { findNativeAddon } from '../../engine/backends/native-addon.ts'

export interface MachineLimits {
  /** What measured them. */
  readonly source: string
  readonly threads: number
  readonly readBytesPerSecond: number
  /** float32, a multiplication and an addition are two. */
  readonly floatOperationsPerSecond: number
  /** Products of 8-bit numbers that are added in 32 bits, counted alike. */
  readonly byteOperationsPerSecond: number
  /** Of 8-bit and 4-bit ones, which some processors add faster. */
  readonly nibbleOperationsPerSecond: number
}

/** For each of four numbers. */
const MILLISECONDS = 400

/** By the native runtime's own loops, or why they are missing. Holds the calling thread meanwhile. */
export function measureLimits(threads: number): MachineLimits | { readonly reason: string } {
  const search = findNativeAddon()
  if ('reason' in search) return search
  const { addon } = search
  const measured = addon.limits(addon.createPool(threads), MILLISECONDS)
  return {
    source: `the native runtime (${measured.isa})`,
    threads,
    readBytesPerSecond: measured.readBytesPerSecond,
    floatOperationsPerSecond: measured.floatOperationsPerSecond,
    byteOperationsPerSecond: measured.int8OperationsPerSecond,
    nibbleOperationsPerSecond: measured.int4OperationsPerSecond,
  }
}
