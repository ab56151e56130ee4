/** What a bad end of ffmpeg means: its own words may hold paths and are for the log, ours are for the client. */
import { AerieError } from '../../errors.ts'

/** ffmpeg or ffprobe ended badly, or could not be started. */
export class FfmpegFailure extends Error {
  /** The end of what it said. */
  readonly stderr: string
  /** Whether there is no such program. */
  readonly isMissing: boolean

  /** `end`: how it ended, in words. */
  constructor(end: string, stderr = '', { isMissing = false } = {}) {
    super(`${end}: ${stderr.trim().slice(-500)}`)
    this.stderr = stderr
    this.isMissing = isMissing
  }
}

/** What ffmpeg said last, where it is behind an error of ours; undefined: it is not. */
export function lastWordsOf(error: unknown): string | undefined {
  if (error instanceof FfmpegFailure) return error.message
  return error instanceof Error && error.cause !== undefined ? lastWordsOf(error.cause) : undefined
}

export type Reason = readonly [
  pattern: RegExp,
  code: 'invalid_media' | 'media_too_large',
  why: string,
]

export interface FailureWords {
  readonly param: string
  /** `clip` or `sound`, as in messages. */
  readonly subject: string
  /** Names of configuration keys. */
  readonly memoryKey: string
  readonly timeoutKey: string
  /** Of this medium alone, asked before those of all; first match wins. */
  readonly reasons: readonly Reason[]
  readonly otherwise: string
}

function reasonsOfAll({ subject, memoryKey, timeoutKey }: FailureWords): readonly Reason[] {
  return [
    [
      /cannot allocate memory/i,
      'media_too_large',
      `${subject} needs more memory to decode than ${memoryKey}`,
    ],
    [/SIG(SEGV|BUS|ABRT|ILL|FPE|TRAP)/, 'invalid_media', `${subject} made ffmpeg crash`],
    [
      /SIGXCPU/,
      'media_too_large',
      `${subject} needs more processor time to decode than ${timeoutKey}`,
    ],
  ]
}

/** An error of ours for a failure of ffmpeg, with that as its cause; anything else as it is. */
export function explained(cause: unknown, words: FailureWords): unknown {
  if (!(cause instanceof FfmpegFailure)) return cause
  // By none of its own doing, nor of the file's: the system was out of memory, say.
  if (/SIG(KILL|TERM|INT|HUP|PIPE)|stream closed/.test(cause.message)) return cause
  const { param, reasons, otherwise } = words
  const said = cause.message + cause.stderr
  const found = [...reasonsOfAll(words), ...reasons].find(([pattern]) => pattern.test(said))
  const [, code, why] = found ?? [undefined, 'invalid_media' as const, otherwise]
  return new AerieError(code, `${param}: ${why}`, { param, cause })
}
