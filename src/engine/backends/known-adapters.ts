/** The adapters of a session as its backend keeps them. */
import type { AdapterId, SessionAdapters } from '../backend.ts'

export interface KnownAdapters extends SessionAdapters {
  has(id: AdapterId): boolean
  /** Removes all. */
  clear(): void
}
