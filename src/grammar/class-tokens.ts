/**
 * The tokens of a vocabulary by how many characters of one class they begin with. Inside a bounded string every place has a mask of its own,
 * and they differ only in how many characters are left: with this they are put together rather than walked token by token.
 */
import { intersected, type Ranges } from './expression.ts'
import {
  LONGEST_TOKEN,
  type TokenText,
  type TokenTree,
  tokenBytes,
  treeBytes,
  treeOf,
  type Vocabulary,
  vocabularySize,
} from './vocabulary.ts'

/** Characters that are counted; what of a token comes behind them is looked at byte by byte. */
export const MOST_COUNTED = 24

export interface ClassTokens {
  /** Words of 32 bits of one mask. */
  readonly words: number
  /** [MOST_COUNTED + 1, words]: tokens of at most so many characters of the class, and of nothing else. */
  readonly upTo: Uint32Array
  /** What is behind so many characters of the class, of the other tokens; it does not begin with one unless all that count are counted. */
  readonly rests: readonly TokenTree[]
  /** The same whatever the count. */
  readonly anyRest: TokenTree
  /** Memory of it all. */
  readonly size: number
}

export function classTokens(vocabulary: Vocabulary, ranges: Ranges): ClassTokens {
  const words = Math.ceil(vocabularySize(vocabulary) / 32)
  const upTo = new Uint32Array(new SharedArrayBuffer(4 * words * (MOST_COUNTED + 1)))
  const rests: TokenText[][] = Array.from({ length: MOST_COUNTED + 1 }, () => [])
  const ascii = asciiOf(ranges)
  for (let id = 0; id < vocabularySize(vocabulary); id++) {
    const bytes = tokenBytes(vocabulary, id)
    if (bytes.length === 0 || bytes.length > LONGEST_TOKEN) continue
    const { count, length } = beginning(bytes, ranges, ascii)
    if (length < bytes.length) rests[count]!.push({ id, bytes: bytes.subarray(length) })
    else upTo[count * words + (id >>> 5)]! |= 1 << (id & 31)
  }
  for (let i = words; i < upTo.length; i++) upTo[i]! |= upTo[i - words]!
  const trees = rests.map((texts) => treeOf(texts))
  const anyRest = treeOf(rests.flat())
  const size = [...trees, anyRest].reduce((sum, tree) => sum + treeBytes(tree), upTo.byteLength)
  return { words, upTo, rests: trees, anyRest, size }
}

/** How many whole characters of the class it begins with, and the bytes of those. */
function beginning(
  bytes: Uint8Array,
  ranges: Ranges,
  ascii: Uint8Array,
): { readonly count: number; readonly length: number } {
  let at = 0
  let count = 0
  while (count < MOST_COUNTED && at < bytes.length) {
    const first = bytes[at]!
    if (first < 0x80) {
      if (!ascii[first]) break
      at++
    } else {
      const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
      const code = decoded(bytes.subarray(at, at + length), length)
      if (code === undefined || intersected(ranges, [code, code]).length === 0) break
      at += length
    }
    count++
  }
  return { count, length: at }
}

function asciiOf(ranges: Ranges): Uint8Array {
  const ascii = new Uint8Array(0x80)
  for (let i = 0; i < ranges.length; i += 2) ascii.fill(1, ranges[i]!, ranges[i + 1]! + 1)
  return ascii
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The character whose encoding this is; undefined where it is none, as of tokens that end inside of one. */
function decoded(bytes: Uint8Array, length: number): number | undefined {
  if (bytes.length < length) return undefined
  try {
    return DECODER.decode(Uint8Array.from(bytes)).codePointAt(0)
  } catch {
    return undefined
  }
}
