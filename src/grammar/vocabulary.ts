/** The bytes of every token that can be chosen, as grammars see them; shared by threads. */
import { setImmediate } from 'node:timers/promises'

export interface Vocabulary {
  /** Of all tokens, one behind the other. Tokens without any can not be said: ids that no token has, and special ones that are not shown. */
  readonly bytes: Uint8Array
  /** `offsets[id]` to `offsets[id + 1]`; as many as logits, and one. */
  readonly offsets: Int32Array
  /** A space before the first token is not part of the text. */
  readonly stripsLeadingSpace: boolean
  /** Special tokens that are shown in texts, longest text first; where a literal has that text, the token may stand for it. */
  readonly special: readonly SpecialToken[]
}

export interface SpecialToken {
  readonly id: number
  readonly text: string
}

/** No text in UTF-8 has this byte, so what follows it is a special token and nothing else. */
const SPECIAL = 0xff

/** What stands for a special token in place of the bytes of its name, which ordinary tokens can spell too. */
export function specialBytes(id: number): Uint8Array {
  return Uint8Array.of(SPECIAL, (id >> 21) & 127, (id >> 14) & 127, (id >> 7) & 127, id & 127)
}

/** Tokens looked up before others get their turn. */
const AT_ONCE = 4096

/** Of `size` ids; `bytesOf` gives what a token adds to the text. */
export async function collectVocabulary(
  size: number,
  bytesOf: (id: number) => Uint8Array,
  stripsLeadingSpace: boolean,
  special: readonly SpecialToken[] = [],
): Promise<Vocabulary> {
  const isSpecial = new Set(special.map(({ id }) => id))
  const offsets = new Int32Array(new SharedArrayBuffer(4 * (size + 1)))
  await ofEach(size, (id) => {
    const own = isSpecial.has(id) ? specialBytes(id) : bytesOf(id)
    const isNever = own.includes(SPECIAL) && !isSpecial.has(id)
    offsets[id + 1] = offsets[id]! + (isNever ? 0 : own.length)
  })
  const bytes = new Uint8Array(new SharedArrayBuffer(offsets[size]!))
  await ofEach(size, (id) => {
    if (offsets[id] === offsets[id + 1]) return
    bytes.set(isSpecial.has(id) ? specialBytes(id) : bytesOf(id), offsets[id]!)
  })
  const longestFirst = special.toSorted((a, b) => b.text.length - a.text.length)
  return { bytes, offsets, stripsLeadingSpace, special: longestFirst }
}

async function ofEach(size: number, look: (id: number) => void): Promise<void> {
  for (let id = 0; id < size; id++) {
    look(id)
    if (id % AT_ONCE === AT_ONCE - 1) await setImmediate()
  }
}

export function vocabularySize({ offsets }: Vocabulary): number {
  return offsets.length - 1
}

export function tokenBytes({ bytes, offsets }: Vocabulary, id: number): Uint8Array {
  return bytes.subarray(offsets[id]!, offsets[id + 1]!)
}

/** Bytes that no text in UTF-8 has. */
const NEVER_IN_UTF8 = 13

/** Whether every byte of a text is a token of its own. */
export function hasAllBytes({ bytes, offsets }: Vocabulary): boolean {
  const seen = new Set<number>()
  for (let id = 0; id < offsets.length - 1; id++) {
    const byte = bytes[offsets[id]!]!
    const isInTexts = byte < 0xf5 && byte !== 0xc0 && byte !== 0xc1
    if (offsets[id + 1]! - offsets[id]! === 1 && isInTexts) seen.add(byte)
  }
  return seen.size === 256 - NEVER_IN_UTF8
}

/** Tokens in the order of their bytes, as a tree in depth-first order: those that begin alike are walked once. */
export interface TokenTree {
  /** The byte that leads to a node. */
  readonly bytes: Uint8Array
  /** Bytes from the root to a node. */
  readonly depths: Uint16Array
  /** The node behind all that begin with it. */
  readonly skips: Int32Array
  /** Tokens that end in a node: `ids[ends[node]]` to `ids[ends[node + 1]]`. */
  readonly ends: Int32Array
  readonly ids: Int32Array
  readonly deepest: number
}

/** Longer tokens are runs of one character, and never needed. */
export const LONGEST_TOKEN = 1024

export function buildTree(vocabulary: Vocabulary): TokenTree {
  const size = vocabularySize(vocabulary)
  const tokens: TokenText[] = []
  for (let id = 0; id < size; id++) {
    const bytes = tokenBytes(vocabulary, id)
    if (bytes.length > 0 && bytes.length <= LONGEST_TOKEN) tokens.push({ id, bytes })
  }
  return treeOf(tokens)
}

/** Bytes of the longest token that is ever chosen in a grammar. */
export function longestToken({ offsets }: Vocabulary): number {
  let longest = 0
  for (let id = 0; id < offsets.length - 1; id++) {
    const length = offsets[id + 1]! - offsets[id]!
    if (length > longest && length <= LONGEST_TOKEN) longest = length
  }
  return longest
}

/** A token, or the end of one. */
export interface TokenText {
  readonly id: number
  readonly bytes: Uint8Array
}

export function treeOf(unsorted: readonly TokenText[]): TokenTree {
  const tokens = unsorted.toSorted((a, b) => compare(a.bytes, b.bytes))
  const bytes: number[] = []
  const depths: number[] = []
  const ends: number[] = [0]
  const ids: number[] = []
  let previous = new Uint8Array(0)
  for (const { id, bytes: token } of tokens) {
    let common = 0
    while (common < previous.length && common < token.length && previous[common] === token[common])
      common++
    for (let depth = common; depth < token.length; depth++) {
      bytes.push(token[depth]!)
      depths.push(depth + 1)
      ends.push(ids.length)
    }
    ids.push(id)
    ends[ends.length - 1] = ids.length
    previous = Uint8Array.from(token)
  }
  return {
    bytes: shared(Uint8Array, bytes),
    depths: shared(Uint16Array, depths),
    skips: shared(Int32Array, skipsOf(depths)),
    ends: shared(Int32Array, ends),
    ids: shared(Int32Array, ids),
    deepest: depths.reduce((most, depth) => Math.max(most, depth), 0),
  }
}

export function treeBytes({ bytes, ids }: TokenTree): number {
  return bytes.length * 11 + ids.byteLength
}

function skipsOf(depths: readonly number[]): number[] {
  const skips: number[] = new Array(depths.length).fill(0)
  const open: number[] = []
  for (let node = 0; node <= depths.length; node++) {
    const depth = depths[node] ?? 0
    while (open.length > 0 && depths[open.at(-1)!]! >= depth) skips[open.pop()!] = node
    open.push(node)
  }
  return skips
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

function shared<T extends Uint8Array | Uint16Array | Int32Array>(
  type: { new (buffer: SharedArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
  values: ArrayLike<number>,
): T {
  const array = new type(new SharedArrayBuffer(values.length * type.BYTES_PER_ELEMENT))
  array.set(values)
  return array
}
