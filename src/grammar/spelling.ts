/** Bytes → the fewest tokens that spell them. */
import type { TokenTree } from './vocabulary.ts'

/** Null where no tokens do. */
export function fewestTokens(tree: TokenTree, text: readonly number[]): Uint32Array | null {
  const { bytes, skips, depths, ends, ids } = tree
  const count = new Int32Array(text.length + 1).fill(-1)
  const last = new Int32Array(text.length + 1)
  const from = new Int32Array(text.length + 1)
  count[0] = 0
  for (let start = 0; start < text.length; start++) {
    if (count[start]! < 0) continue
    // Siblings are found by skipping over each other's trees.
    let node = 0
    for (let at = start; at < text.length; at++) {
      const depth = at - start + 1
      while (node < bytes.length && depths[node] === depth && bytes[node] !== text[at])
        node = skips[node]!
      if (node >= bytes.length || depths[node] !== depth) break
      if (ends[node]! < ends[node + 1]!) {
        const better = count[at + 1]! < 0 || count[start]! + 1 < count[at + 1]!
        if (better) {
          count[at + 1] = count[start]! + 1
          last[at + 1] = ids[ends[node]!]!
          from[at + 1] = start
        }
      }
      node++
    }
  }
  if (count[text.length]! < 0) return null
  const tokens = new Uint32Array(count[text.length]!)
  for (let at = text.length, i = tokens.length - 1; at > 0; at = from[at]!) tokens[i--] = last[at]!
  return tokens
}
