/**
 * Names for prefixes: each full block of positions gets the SHA-256 of the block before it and of its own
 * content, so equal names mean equal prefixes. A cryptographic hash, because a collision would let one
 * request read another's context.
 */
import { hash } from 'node:crypto'
import type { Span } from './prompt.ts'

/** Hex digest; names a block together with everything before it. */
export type BlockHash = string

/**
 * What the first block follows on: requests with different salts share nothing, and neither do requests with different adapters,
 * named by their digests. A digest has no zero in it, so nobody's salt reads as an adapter.
 */
export function rootHash(salt: string, adapter?: string): BlockHash {
  return hash('sha256', adapter === undefined ? `salt\0${salt}` : `adapter\0${adapter}\0${salt}`)
}

/**
 * The name of the block that follows `previous` and holds `content`. How the content is cut into spans of
 * tokens makes no difference: an answer and the same ids in the next turn's prompt have one name.
 */
export function blockHash(previous: BlockHash, content: readonly Span[]): BlockHash {
  const bytes: Uint8Array[] = [Buffer.from(previous, 'latin1')]
  for (const span of content) {
    if (span.kind === 'tokens') {
      const { buffer, byteOffset, byteLength } = span.ids
      bytes.push(Buffer.from(buffer, byteOffset, byteLength))
    } else {
      // Token ids are not negative, so -1 opens a run of features without doubt.
      const key = Buffer.from(span.features.key)
      const head = Int32Array.of(-1, span.firstRow, span.rows, key.length)
      bytes.push(Buffer.from(head.buffer), key)
    }
  }
  return hash('sha256', Buffer.concat(bytes))
}
