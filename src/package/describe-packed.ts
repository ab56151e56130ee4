/** What a package says about its packed weights, for people. */
import type { Manifest } from './manifest.ts'

export function packedWeightsText({
  blocks,
  sparse24 = 0,
}: NonNullable<Manifest['packed']>): string {
  return `${blocks} weights${sparse24 > 0 ? ` (${sparse24} of them 2:4)` : ''}`
}
