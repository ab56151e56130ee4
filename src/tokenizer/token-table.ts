/** What every thread may know of a vocabulary: its tokens by name and by what they add to a text, in shared memory. Knows no merges. */

export interface TokenizerConfig {
  readonly [key: string]: unknown
}

/** Byte strings one behind the other, in shared memory: `bytes[offsets[i]]` to `bytes[offsets[i + 1]]`. */
interface ByteStrings {
  readonly bytes: Uint8Array
  readonly offsets: Int32Array
}

/** As it goes from thread to thread. Lists by id are as long as the largest id; ids that no token has are empty in both. */
export interface TokenTableData {
  /** Contents of tokenizer_config.json: special token names, chat template. */
  readonly config: TokenizerConfig
  /** Ids that end an answer, where the vocabulary itself says so. */
  readonly endIds: readonly number[]
  readonly specialIds: readonly number[]
  /** Special tokens as text, longest first, for defusing them in what users write. */
  readonly specialTokens: readonly string[]
  /** Bytes of the longest token: no text of n × this many bytes fits into fewer than n tokens. */
  readonly maxTokenBytes: number
  /** Whether a space before the first token is left out of the text. */
  readonly stripsLeadingSpace: boolean
  /** Number of tokens, added ones included. */
  readonly size: number
  /** As the vocabulary spells them, in UTF-8. */
  readonly names: ByteStrings
  /** What they add to a text; special ones their names. */
  readonly texts: ByteStrings
  /** Hash table of ids by their names; −1 where there is none. Twice as many places as names or more, a power of two. */
  readonly slots: Int32Array
}

export class TokenTable {
  readonly data: TokenTableData
  readonly #specialIds: ReadonlySet<number>

  constructor(data: TokenTableData) {
    this.data = data
    this.#specialIds = new Set(data.specialIds)
  }

  get config(): TokenizerConfig {
    return this.data.config
  }

  get endIds(): readonly number[] {
    return this.data.endIds
  }

  get specialTokens(): readonly string[] {
    return this.data.specialTokens
  }

  get maxTokenBytes(): number {
    return this.data.maxTokenBytes
  }

  get stripsLeadingSpace(): boolean {
    return this.data.stripsLeadingSpace
  }

  get size(): number {
    return this.data.size
  }

  isSpecial(id: number): boolean {
    return this.#specialIds.has(id)
  }

  /** Id of a token given by its name; undefined when it is not in the vocabulary. */
  idOf(token: string): number | undefined {
    const { names, slots } = this.data
    const name = utf8.encode(token)
    for (let slot = firstSlot(name, slots); ; slot = nextSlot(slot, slots)) {
      const id = slots[slot]!
      if (id < 0) return undefined
      if (Buffer.compare(stringAt(names, id), name) === 0) return id
    }
  }

  /** Exact bytes of one token; a special token's are those of its name. */
  bytesOf(id: number): Uint8Array {
    return stringAt(this.data.texts, id)
  }

  /** Whole text of some ids, special tokens left out or by their names; malformed bytes become U+FFFD. */
  decode(ids: Iterable<number>, shown?: ShownTokens): string {
    const detokenizer = this.detokenizer(shown)
    let text = ''
    for (const id of ids) text += detokenizer.push(id)
    return text + detokenizer.flush()
  }

  /** A fresh stream of ids to text. `shown`: special tokens that are not left out, but written by their names. */
  detokenizer(shown: ShownTokens = NO_TOKENS): Detokenizer {
    return new Detokenizer(this, shown)
  }
}

/** Which special tokens are text. */
export type ShownTokens = Pick<ReadonlySet<number>, 'has'>

const NO_TOKENS: ShownTokens = new Set()
export const ALL_TOKENS: ShownTokens = { has: () => true }

/**
 * Ids to text, one at a time. A code point is emitted when its last byte has come, never before:
 * the decoder holds an unfinished sequence (at most three bytes) back.
 */
export class Detokenizer {
  readonly #table: TokenTable
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #shown: ShownTokens
  #stripsLeadingSpace: boolean

  constructor(table: TokenTable, shown: ShownTokens) {
    this.#table = table
    this.#shown = shown
    this.#stripsLeadingSpace = table.stripsLeadingSpace
  }

  /** The text that this token completes; may be empty. */
  push(id: number): string {
    if (this.#table.isSpecial(id) && !this.#shown.has(id)) return ''
    let bytes = this.#table.bytesOf(id)
    if (this.#stripsLeadingSpace && bytes.length > 0) {
      if (bytes[0] === 0x20) bytes = bytes.subarray(1)
      this.#stripsLeadingSpace = false
    }
    return this.#utf8.decode(bytes, { stream: true })
  }

  /** What is left at the end: U+FFFD for an unfinished code point, else nothing. */
  flush(): string {
    return this.#utf8.decode()
  }
}

const utf8 = new TextEncoder()

/** `strings` of ids from 0 on. */
export function byteStrings(strings: readonly Uint8Array[]): ByteStrings {
  const offsets = new Int32Array(new SharedArrayBuffer(4 * (strings.length + 1)))
  for (const [i, string] of strings.entries()) offsets[i + 1] = offsets[i]! + string.length
  const bytes = new Uint8Array(new SharedArrayBuffer(offsets[strings.length]!))
  for (const [i, string] of strings.entries()) bytes.set(string, offsets[i]!)
  return { bytes, offsets }
}

/** Of `ids`, no two of one name. */
export function slotsOf(names: ByteStrings, ids: readonly number[]): Int32Array {
  const size = 2 ** Math.ceil(Math.log2(Math.max(1, ids.length) * 2))
  const slots = new Int32Array(new SharedArrayBuffer(4 * size)).fill(-1)
  for (const id of ids) {
    let slot = firstSlot(stringAt(names, id), slots)
    while (slots[slot]! >= 0) slot = nextSlot(slot, slots)
    slots[slot] = id
  }
  return slots
}

/** Nothing for ids outside. */
function stringAt({ bytes, offsets }: ByteStrings, id: number): Uint8Array {
  return bytes.subarray(offsets[id] ?? 0, offsets[id + 1] ?? offsets[id] ?? 0)
}

/** FNV-1a of 32 bits. */
function firstSlot(name: Uint8Array, slots: Int32Array): number {
  let hash = 0x811c9dc5
  for (const byte of name) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0) % slots.length
}

function nextSlot(slot: number, slots: Int32Array): number {
  return (slot + 1) % slots.length
}
