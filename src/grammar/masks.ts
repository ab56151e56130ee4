/** Which tokens may come next: the tree of all tokens walked as far as the grammar goes along. */
import type { Matcher, Position } from './matcher.ts'
import type { TokenTree } from './vocabulary.ts'

/** A bit each token: bit `id % 32` of word `id / 32`. */
export function computeMask(
  matcher: Matcher,
  from: Position,
  tree: TokenTree,
  size: number,
): Uint32Array {
  const mask = new Uint32Array(new SharedArrayBuffer(Math.ceil(size / 32) * 4))
  const { bytes, depths, skips, ends, ids } = tree
  const path: (Position | null)[] = new Array(tree.deepest + 1).fill(null)
  path[0] = from
  for (let node = 0; node < bytes.length; ) {
    const depth = depths[node]!
    const position = matcher.step(path[depth - 1]!, bytes[node]!)
    if (position === null) {
      node = skips[node]!
      continue
    }
    path[depth] = position
    for (let i = ends[node]!; i < ends[node + 1]!; i++) {
      const id = ids[i]!
      mask[id >>> 5]! |= 1 << (id & 31)
    }
    node++
  }
  return mask
}
