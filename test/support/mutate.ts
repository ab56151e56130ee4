/** Damages bytes as an attacker or a bad disk would, the same way for the same seed. */
import { seededRandom } from './seeded-random.ts'

const WORDS = [0n, 1n, 255n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]

export function mutate(original: Uint8Array, seed: number): Uint8Array {
  const random = seededRandom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  let bytes = Uint8Array.from(original)
  for (let count = 1 + below(3); count > 0 && bytes.length > 8; count--) {
    const at = below(bytes.length)
    switch (below(6)) {
      case 0:
        bytes[at]! ^= 1 << below(8)
        break
      case 1:
        bytes[at] = below(256)
        break
      case 2: {
        const place = Math.min(at, bytes.length - 8)
        new DataView(bytes.buffer).setBigUint64(place, WORDS[below(WORDS.length)]!, true)
        break
      }
      case 3:
        bytes = bytes.slice(0, at)
        break
      case 4:
        bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + below(16)))
        break
      default: {
        const from = below(bytes.length)
        const copied = bytes.subarray(from, from + 1 + below(32))
        bytes = Uint8Array.of(...bytes.subarray(0, at), ...copied, ...bytes.subarray(at))
      }
    }
  }
  return bytes
}
