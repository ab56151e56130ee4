/** `--video` and what goes with it → a clip in a message. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { VideoPart } from '../chat/contract.ts'
import { AerieError } from '../errors.ts'
import { type ParsedArgs, UsageError } from './command.ts'

const SAMPLING = ['fps', 'max-frames', 'start', 'end'] as const

/** Undefined without `--video`. Throws UsageError for numbers that are none, and for them alone. */
export async function videoPart(args: ParsedArgs): Promise<VideoPart | undefined> {
  const video = args.options.get('video')
  if (typeof video !== 'string') {
    const alone = SAMPLING.find((name) => args.options.has(name))
    if (alone !== undefined) throw new UsageError(`--${alone}: expected --video as well`)
    return undefined
  }
  const maxFrames = numberOption(args, 'max-frames')
  if (maxFrames !== undefined && !Number.isInteger(maxFrames))
    throw new UsageError(`--max-frames: expected a whole number, got '${maxFrames}'`)
  const [fps, start, end] = [
    numberOption(args, 'fps'),
    numberOption(args, 'start'),
    numberOption(args, 'end'),
  ]
  for (const [name, value] of Object.entries({ fps, 'max-frames': maxFrames })) {
    if (value === 0) throw new UsageError(`--${name}: expected more than 0`)
  }
  return {
    type: 'video',
    from: await fileOrUrl(video, 'video'),
    sampling: { fps, maxFrames, start, end, sampling: 'uniform', times: undefined },
    param: `video (${video})`,
    samplingParam: 'video',
  }
}

/** A file that a part names by its path. Throws `invalid_media` for one that cannot be read. */
export async function fileOrUrl(
  named: string,
  what: 'video' | 'sound',
): Promise<{ readonly url: string } | { readonly path: string; readonly byteLength: number }> {
  if (/^(https?|data):/i.test(named)) return { url: named }
  try {
    const { size } = await stat(named)
    return { path: resolve(named), byteLength: size }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AerieError('invalid_media', `cannot read the ${what} ${named}: ${reason}`, { cause })
  }
}

function numberOption(args: ParsedArgs, name: (typeof SAMPLING)[number]): number | undefined {
  const value = args.options.get(name)
  if (value === undefined) return undefined
  const number = Number(value)
  if (typeof value === 'string' && value.trim() !== '' && number >= 0 && Number.isFinite(number))
    return number
  throw new UsageError(`--${name}: expected a number of at least 0, got '${value}'`)
}
