/** float32 → IEEE 754 half precision. */

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Bits of the nearest half, ties to even; infinity from 65 520 on. */
export function halfBits(value: number): number {
  float[0] = value
  const word = bits[0]!
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // Below the smallest normal half, a half is a whole number of 2⁻²⁴.
  if (magnitude < 0x38800000) return sign | roundHalfToEven(Math.abs(float[0]!) * 2 ** 24)
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  if (rest !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}
