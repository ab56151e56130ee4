/** What all models of a server share: who brings and decodes media, and where files lie. */
import type { ReadableFiles } from '../chat/file-parts.ts'
import type { Media } from '../media/types.ts'

export interface Rooms {
  readonly media: Media
  /** Files that requests may name; undefined: there are none. */
  readonly files: ReadableFiles | undefined
}
