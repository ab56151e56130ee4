/** Ranges of code points → sequences of ranges of bytes, as in the `utf8-ranges` of Rust's regex and RE2 before it. */

import type { Ranges } from './expression.ts'

/** [low, high] for each byte of the encoding. */
export type ByteRanges = readonly (readonly [low: number, high: number])[]

/** Last code points of 1, 2, 3 and 4 bytes. */
const LAST_OF_LENGTH = [0x7f, 0x7ff, 0xffff, 0x10ffff]

/** `from` to `to` without surrogates; the sequences match exactly their encodings. */
export function utf8Ranges(from: number, to: number): ByteRanges[] {
  const out: ByteRanges[] = []
  split(from, to, out)
  return out
}

/** By byte: 1 where the encoding of one of the characters begins with it. */
export function leadBytes(ranges: Ranges): Uint8Array {
  const leads = new Uint8Array(256)
  for (let i = 0; i < ranges.length; i += 2) {
    for (const [[low, high] = [1, 0]] of utf8Ranges(ranges[i]!, ranges[i + 1]!))
      leads.fill(1, low, high + 1)
  }
  return leads
}

function split(from: number, to: number, out: ByteRanges[]): void {
  for (const last of LAST_OF_LENGTH) {
    if (from <= last && to > last) {
      split(from, last, out)
      split(last + 1, to, out)
      return
    }
  }
  const length = LAST_OF_LENGTH.findIndex((last) => to <= last) + 1
  // Where the first bytes differ, the later ones have to run through all values.
  for (let i = 1; i < length; i++) {
    const mask = (1 << (6 * i)) - 1
    if ((from & ~mask) === (to & ~mask)) continue
    if ((from & mask) !== 0) {
      split(from, from | mask, out)
      split((from | mask) + 1, to, out)
      return
    }
    if ((to & mask) !== mask) {
      split(from, (to & ~mask) - 1, out)
      split(to & ~mask, to, out)
      return
    }
  }
  const [low, high] = [encode(from, length), encode(to, length)]
  out.push(low.map((byte, i) => [byte, high[i]!] as const))
}

function encode(code: number, length: number): number[] {
  if (length === 1) return [code]
  const bytes: number[] = []
  let rest = code
  for (let i = 1; i < length; i++) {
    bytes.unshift(0x80 | (rest & 0x3f))
    rest >>= 6
  }
  return [((0xf00 >> length) & 0xff) | rest, ...bytes]
}
