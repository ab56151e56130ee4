/** What the main thread and the worker of the feature cache on disk say to each other. */
import type { FeatureFolderStats } from './feature-folder.ts'
import type { Features } from './types.ts'
import type { DisposeMessage } from './worker-host.ts'

export interface FeatureDiskWorkerData {
  readonly folder: string
  readonly maxBytes: number
}

export type ToFeatureDisk =
  | { readonly type: 'read'; readonly id: number; readonly key: string }
  /** Features lie in shared memory: nothing is copied. */
  | { readonly type: 'write'; readonly features: Features }
  | DisposeMessage

export type FromFeatureDisk =
  | {
      readonly type: 'read'
      readonly id: number
      readonly features: Features | undefined
      readonly stats: FeatureFolderStats
    }
  /** So many bytes of features that waited to be written do no longer. */
  | { readonly type: 'written'; readonly bytes: number; readonly stats: FeatureFolderStats }
  | { readonly type: 'stats'; readonly stats: FeatureFolderStats }
  /** For the log; `kind` is the same for what is the same trouble. */
  | { readonly type: 'trouble'; readonly kind: string; readonly message: string }
