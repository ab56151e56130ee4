/** What a file of captions was begun with, in a file beside it, so that nothing else goes on with it. */
import { open, readFile, rename, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { CommandFailure, UsageError } from '../cli/command.ts'
import { type CaptionJob, isUrl } from './job.ts'
import { segmentText } from './segments.ts'

export interface ModelIdentity {
  readonly id: string
  /** Of everything that decides an answer. */
  readonly digest: string
}

type Parameters = Readonly<Record<string, string | number | null>>

/** Everything that decides what the captions are, as it is written down. */
export function jobParameters(job: CaptionJob, model: ModelIdentity): Parameters {
  const { input, format, prompt, segment, frames, maxTokens } = job
  return {
    input: input === '-' || isUrl(input) ? input : resolve(input),
    format,
    prompt,
    segment: segmentText(segment),
    fps: frames.fps ?? null,
    'max-frames': frames.maxFrames ?? null,
    sampling: frames.sampling ?? null,
    'max-tokens': maxTokens ?? null,
    model: model.id,
    digest: model.digest,
  }
}

/**
 * Writes the file for a new run, or holds what it says against this one. Throws UsageError that names what differs,
 * CommandFailure for captions that have no such file and so are somebody else's.
 */
export async function beginOrResume(
  path: string,
  captions: string,
  parameters: Parameters,
  about: { readonly aerie: string },
): Promise<void> {
  const begun = await readParameters(path)
  if (begun === undefined) {
    const { size } = await stat(captions).catch(() => ({ size: 0 }))
    if (size > 0)
      throw new CommandFailure(
        `${captions} is there, and ${path} is not: it was not begun by this command; name another file with --out, or remove it`,
      )
    await writeWhole(path, { ...about, begun: new Date().toISOString(), ...parameters })
    return
  }
  const different = Object.entries(parameters).filter(([name, value]) => begun[name] !== value)
  if (different.length === 0) return
  const said = different
    .map(([name, value]) => `${name} ${show(begun[name])}, not ${show(value)}`)
    .join('; ')
  throw new UsageError(
    `${captions} was begun with ${said}; name another file with --out, or begin anew with --restart`,
  )
}

async function readParameters(
  path: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>
  } catch (cause) {
    throw new CommandFailure(
      `${path}: expected what this command wrote: ${(cause as Error).message}`,
    )
  }
}

async function writeWhole(path: string, value: object): Promise<void> {
  const unfinished = `${path}.tmp`
  {
    await using file = await open(unfinished, 'w')
    await file.writeFile(`${JSON.stringify(value, undefined, 2)}\n`)
    await file.datasync()
  }
  await rename(unfinished, path)
}

const show = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value))
