/**
 * The table by which SentencePiece normalises a text, compiled into its models: longest beginning → what stands for it. The form is that
 * of `Normalizer::DecodePrecompiledCharsMap` and `NormalizePrefix` of google/sentencepiece, its trie that of s-yata/darts-clone.
 */
import { AerieError } from '../errors.ts'

const UNIT_BYTES = Uint32Array.BYTES_PER_ELEMENT
/** A label is a byte, and the bit that no inner unit has. */
const LABEL = 0x800000ff
const LEAF = 1 << 8
const VALUE = 0x7fffffff
const WIDE = 1 << 9
/** Of what stands for one beginning; no character of Unicode becomes more than 33 of them. Without a bound a short text would become megabytes. */
const MOST_BYTES = 1024

/** Throws `invalid_package` for a table that does not hang together. `file`: for messages. */
export function charsmap(table: Uint8Array, file: string): (text: string) => string {
  const damaged = () =>
    new AerieError('invalid_package', `${file}: precompiled_charsmap is damaged`)
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength)
  if (table.byteLength < 2 * UNIT_BYTES) throw damaged()
  const trieBytes = view.getUint32(0, true)
  const stringsAt = UNIT_BYTES + trieBytes
  if (trieBytes === 0 || trieBytes % UNIT_BYTES !== 0 || stringsAt >= table.byteLength)
    throw damaged()
  const units = new Uint32Array(trieBytes / UNIT_BYTES)
  for (let i = 0; i < units.length; i++) units[i] = view.getUint32(UNIT_BYTES * (i + 1), true)
  const strings = table.subarray(stringsAt)

  /** Where in `strings` stands what the longest beginning at `at` becomes, and how long that is; undefined: it stays. */
  function find(text: Uint8Array, at: number): { value: number; length: number } | undefined {
    let found: { value: number; length: number } | undefined
    let node = offsetOf(units[0]!)
    for (let i = at; i < text.length; i++) {
      node ^= text[i]!
      const unit = units[node]
      if (unit === undefined || (unit & LABEL) >>> 0 !== text[i]) return found
      node ^= offsetOf(unit)
      if ((unit & LEAF) !== 0) {
        const value = units[node]
        if (value === undefined) throw damaged()
        found = { value: value & VALUE, length: i + 1 - at }
      }
    }
    return found
  }

  return (text) => {
    const bytes = new TextEncoder().encode(text)
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const found = find(bytes, at)
      if (found) {
        const end = strings.subarray(0, found.value + MOST_BYTES + 1).indexOf(0, found.value)
        if (end < 0) throw damaged()
        pieces.push(strings.subarray(found.value, end))
      }
      const length = found?.length ?? lengthOf(bytes[at]!)
      if (!found) pieces.push(bytes.subarray(at, at + length))
      at += length
    }
    return new TextDecoder().decode(Buffer.concat(pieces))
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & WIDE) >>> 6)
}

/** Bytes of the character that begins with this one. */
function lengthOf(first: number): number {
  if (first < 0x80) return 1
  if (first < 0xe0) return 2
  return first < 0xf0 ? 3 : 4
}
