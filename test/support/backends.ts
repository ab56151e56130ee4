/** The backends that tests run over, and why one of them is passed over on this machine. */
import { findNativeAddon } from '../../src/engine/backends/native-addon.ts'

export const TESTED_BACKENDS = ['native', 'onnx', 'reference'] as const

/** The reason, for a test's `skip`. */
export function skipOf(backend: string): string | false {
  if (backend !== 'native') return false
  const search = findNativeAddon()
  return 'reason' in search ? search.reason : false
}

/** Those that run here. */
export const BACKENDS_HERE = TESTED_BACKENDS.filter((backend) => skipOf(backend) === false)
