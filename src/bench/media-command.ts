/** `aerie bench media`: what a picture costs before a model sees it, beside Pillow. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  type Command,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from '../cli/command.ts'
import type { MeasuredPicture, StageTimes } from './media-stages.ts'
import type { BenchPicture } from './pictures.ts'
import { alignedTable, markdownTable, type Rows } from './table.ts'

export const mediaBenchCommand: Command = {
  name: 'bench media',
  summary: 'measure decoding and resizing, beside Pillow',
  operands: '[options]',
  details: [
    'Takes pictures as people send them through the stages of a decoder and prints milliseconds of',
    'processor, the smallest of all rounds. Where Python has Pillow it takes turns with it and says',
    'whether both made the same pixels; exit code 1 when they did not. From version 13 on, Pillow',
    'does the passes of some shapes in another order than the models were trained with, and then',
    'others are expected.',
  ],
  options: {
    size: { type: 'string', value: 'n', description: 'side of the square made', default: '160' },
    rounds: { type: 'string', value: 'n', description: 'times that all is done', default: '7' },
    python: { type: 'string', value: 'path', description: 'a Python', default: 'python3' },
    json: { type: 'boolean', description: 'the numbers as JSON' },
    markdown: {
      type: 'string',
      value: 'file',
      description: 'also write the table between the bench markers of this file',
    },
  },
  configKeys: [],
  examples: ['aerie bench media', 'aerie bench media --size 1024 --python venv/bin/python'],
  run: benchMedia,
}

/** The last major version of Pillow whose pixels ours are; see `resample.ts`. */
const LAST_ALIKE = 12
const PAD_COLOR = [122, 116, 104] as const

/** Milliseconds of processor, and SHA-256 of what came out. */
interface PillowTimes {
  readonly decode: number
  readonly resize: number
  readonly sha256: string
}

interface Pillow {
  readonly version: string
  readonly pictures: readonly PillowTimes[]
}

interface Row {
  readonly name: string
  readonly times: StageTimes
  readonly pillow: Pick<PillowTimes, 'decode' | 'resize'> | null
  /** Null without Pillow. */
  readonly same_pixels: boolean | null
}

async function benchMedia(args: ParsedArgs, terminal: Terminal): Promise<number> {
  if (args.positionals.length > 0) throw new UsageError(`unexpected '${args.positionals[0]}'`)
  const size = integerOption(args, mediaBenchCommand, 'size')!
  const rounds = integerOption(args, mediaBenchCommand, 'rounds')!
  const python = args.options.get('python') ?? 'python3'
  const [{ basePictures, largePicture, numberedUris }, { measureStages }] = await Promise.all([
    import('./pictures.ts'),
    import('./media-stages.ts'),
  ])
  const pictures = [...(await basePictures(1)), await largePicture()]
  const folder = await mkdtemp(join(tmpdir(), 'aerie-bench-'))
  try {
    const files = await Promise.all(
      pictures.map((picture, i) => save(picture, join(folder, `${i}`))),
    )
    const ours: MeasuredPicture[][] = []
    const theirs: Pillow[] = []
    for (let round = 0; round < rounds; round++) {
      terminal.stderr.write(`round ${round + 1} of ${rounds} …\n`)
      const measured: MeasuredPicture[] = []
      for (const picture of pictures) {
        const uri = numberedUris(picture)(round).toString('latin1')
        measured.push(await measureStages(uri, { size, color: PAD_COLOR }))
      }
      ours.push(measured)
      const pillow = await runPillow(String(python), size, files)
      if (typeof pillow !== 'string') theirs.push(pillow)
      else if (round === 0) terminal.stderr.write(`without Pillow: ${pillow}\n`)
    }
    const rows = pictures.map((picture, i) =>
      rowOf(
        picture,
        ours.map((round) => round[i]!),
        theirs.map((round) => round.pictures[i]!),
      ),
    )
    const version = theirs[0]?.version
    if (args.options.has('json')) {
      const report = { size, rounds, pillow: version ?? null, pictures: rows }
      terminal.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`)
    } else {
      terminal.stdout.write(`${alignedTable(cells(rows, version))}\n`)
    }
    const page = args.options.get('markdown')
    if (typeof page === 'string') await writeReport(page, rows, { size, version })
    const shouldAgree = version !== undefined && Number.parseInt(version, 10) <= LAST_ALIKE
    return shouldAgree && rows.some((row) => !row.same_pixels) ? 1 : 0
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function save({ mediaType, bytes }: BenchPicture, path: string): Promise<string> {
  const file = `${path}.${mediaType.slice('image/'.length)}`
  await writeFile(file, bytes)
  return file
}

const PILLOW = fileURLToPath(new URL('pillow.py', import.meta.url))

/** What Pillow measured, or why it could not. */
async function runPillow(
  python: string,
  size: number,
  files: readonly string[],
): Promise<Pillow | string> {
  try {
    const args = [PILLOW, ...[size, ...PAD_COLOR].map(String), ...files]
    const { stdout } = await promisify(execFile)(python, args)
    return JSON.parse(stdout) as Pillow
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    return (stderr || message).trim().split('\n').at(-1)!
  }
}

function rowOf(
  { mediaType, bytes }: BenchPicture,
  ours: readonly MeasuredPicture[],
  theirs: readonly PillowTimes[],
): Row {
  const { width, height, sha256 } = ours[0]!
  const least = <Key extends string>(rounds: readonly Readonly<Record<Key, number>>[], key: Key) =>
    Math.min(...rounds.map((round) => round[key]))
  const times = ours.map((round) => round.times)
  return {
    name: `${width}×${height} ${mediaType.slice('image/'.length)}, ${Math.round(bytes.length / 1000)} kB`,
    times: {
      dataUri: least(times, 'dataUri'),
      open: least(times, 'open'),
      decode: least(times, 'decode'),
      resize: least(times, 'resize'),
      plainResize: least(times, 'plainResize'),
    },
    pillow:
      theirs.length === 0
        ? null
        : { decode: least(theirs, 'decode'), resize: least(theirs, 'resize') },
    same_pixels: theirs.length === 0 ? null : theirs[0]!.sha256 === sha256,
  }
}

function cells(rows: readonly Row[], version: string | undefined): Rows {
  const head = ['picture', 'data URI', 'header, hash', 'decode', 'resize', 'resize without SIMD']
  if (version !== undefined)
    head.push(`Pillow ${version} decode`, 'resize', 'Pillow : ours', 'same pixels')
  const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0)
  return [
    head,
    ...rows.map(({ name, times, pillow, same_pixels }) => [
      name,
      ...[times.dataUri, times.open, times.decode, times.resize, times.plainResize].map(ms),
      ...(pillow
        ? [
            ms(pillow.decode),
            ms(pillow.resize),
            `${((pillow.decode + pillow.resize) / (times.decode + times.resize)).toFixed(2)} ×`,
            same_pixels ? 'yes' : 'no',
          ]
        : []),
    ]),
  ]
}

async function writeReport(
  page: string,
  rows: readonly Row[],
  { size, version }: { readonly size: number; readonly version: string | undefined },
): Promise<void> {
  const { hardware, insert } = await import('./report.ts')
  const date = new Date().toISOString().slice(0, 10)
  const report = [
    `${date}, ${hardware()}, Node ${process.versions.node}: milliseconds of processor, padded to a square and resized to ${size} × ${size}, bicubic.`,
    '',
    markdownTable(cells(rows, version)),
  ].join('\n')
  await writeFile(page, insert(await readFile(page, 'utf8'), report))
}
