/** `aerie caption` in this process, against a fake server, and what it wrote. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PassThrough, Transform } from 'node:stream'
import { runCommandLine } from '../../src/cli/aerie.ts'

export interface CaptionLine {
  readonly id: string
  readonly source: string
  readonly segment: number
  readonly segments: number
  readonly start: number
  readonly end: number
  readonly caption: string
  readonly frames: readonly number[]
  readonly [field: string]: unknown
}

export interface FailureLine {
  readonly id: string
  readonly code: string
  readonly message: string
  readonly segment?: number
  readonly param?: string
  readonly [field: string]: unknown
}

/** `onSaid` hears what it says meanwhile. */
export async function caption(
  argv: readonly string[],
  input = '',
  onSaid: (text: string) => void = () => {},
) {
  const stderr = new Transform({
    transform(piece, _encoding, done) {
      onSaid(String(piece))
      done(null, piece)
    },
  })
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr }
  streams.stdin.end(input)
  const code = await runCommandLine(['caption', ...argv], streams)
  const text = (stream: Transform) => String(stream.read() ?? '')
  return { code, out: text(streams.stdout), err: text(streams.stderr) }
}

/** The objects of a file of lines; none where there is no file. */
export async function linesOf<T>(path: string): Promise<T[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T)
}

/** Writes clips by name → content, as the fake server reads them. */
export async function writeClips(
  folder: string,
  clips: Readonly<Record<string, string>>,
): Promise<string> {
  for (const [name, content] of Object.entries(clips)) {
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  }
  return folder
}

/** `id#segment` of each line, sorted. */
export function keys(
  lines: readonly { readonly id: string; readonly segment?: number }[],
): string[] {
  return lines.map(({ id, segment }) => (segment === undefined ? id : `${id}#${segment}`)).sort()
}
