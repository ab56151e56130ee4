/** What a long transfer tells while it runs. */
export interface Progress {
  readonly what: 'downloading' | 'importing' | 'verifying'
  readonly doneBytes: number
  readonly totalBytes: number
  /** The file that is worked on. */
  readonly file: string
}

export type OnProgress = (progress: Progress) => void
