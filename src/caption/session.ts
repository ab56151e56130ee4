/** One run of `aerie caption` against one server: opens what it needs, listens for signals, says what came of it. */
import { rm, stat } from 'node:fs/promises'
import { CommandFailure, type Terminal, UsageError } from '../cli/command.ts'
import { captionProgress } from './caption-progress.ts'
import { CaptionServer, type ServedModel } from './caption-server.ts'
import { openClipList } from './clip-list.ts'
import type { CaptionJob } from './job.ts'
import { beginOrResume, jobParameters } from './job-file.ts'
import { Ledger } from './ledger.ts'
import type { CaptionOptions } from './options.ts'
import { Patience } from './patience.ts'
import { captionAll, type RunOptions } from './run.ts'
import { ServerLost, ServerRefusal } from './server-error.ts'
import { refuseForeign } from './subtitle-file.ts'
import { summaryLines } from './summary.ts'

/** As shells report a command that SIGINT ended. */
const INTERRUPTED = 130
/** What is asked may take so long to be answered behind the first Ctrl-C. */
const FINISH_MS = 10_000

interface Target {
  readonly url: string
  readonly apiKey: string | undefined
  /** Undefined: the first that is served. */
  readonly model: string | undefined
}

/** Returns the exit code. Rejects with CommandFailure and UsageError. */
export async function runCaptions(
  options: CaptionOptions,
  target: Target,
  version: string,
  terminal: Terminal,
): Promise<number> {
  const { job, jobs } = options
  const list = await openClipList(job.input, terminal.stdin)
  const files = {
    job: `${job.out}.job.json`,
    captions: job.format === 'jsonl' ? job.out : `${job.out}.captions.jsonl`,
    failures: `${job.out}.failures.jsonl`,
  }
  const subtitles = await subtitlePlace(job)
  const server = new CaptionServer({ ...target, connections: jobs * 2 + 8 })
  using interrupt = interruptions((text) => terminal.stderr.write(`aerie: ${text}\n`))
  try {
    const model = await firstContact(server, target, interrupt.kill)
    // Looked at before captions are dropped: subtitles of theirs are ours to write over.
    const isNew = !(await stat(files.job).catch(() => undefined))
    if (options.restart) await dropCaptions(files)
    if (isNew && subtitles) await refuseForeign(subtitles, job.format)
    await beginOrResume(files.job, files.captions, jobParameters(job, model), { aerie: version })
    const ledger = await Ledger.open(files, options.retryFailed)
    try {
      const context = { job, jobs, model, server, ledger, subtitles, version, list, files }
      return await runWith(context, options, interrupt, terminal)
    } finally {
      await ledger.close()
    }
  } finally {
    await server.close()
  }
}

type Context = Pick<
  RunOptions,
  'job' | 'jobs' | 'model' | 'server' | 'ledger' | 'subtitles' | 'version'
> & {
  readonly list: Awaited<ReturnType<typeof openClipList>>
  readonly files: { readonly captions: string; readonly failures: string }
}

async function runWith(
  { list, files, ...context }: Context,
  { waitMs }: CaptionOptions,
  { stop, kill }: Interruptions,
  terminal: Terminal,
): Promise<number> {
  const { server, ledger, model } = context
  const { tally } = ledger
  const before = { clips: tally.clips, segments: tally.segments, frames: tally.frames }
  const begun = performance.now()
  const progress = captionProgress(terminal.stderr, tally)
  // Of a list that cannot be read, the run itself says so.
  if (list.isRepeatable) progress.count(list.clips(), stop).catch(() => {})
  const patience = new Patience({
    waitMs,
    stop,
    url: server.url,
    isReady: () => server.isReady(),
    onPause: (reason) =>
      progress.say(
        reason === undefined ? 'the server is back' : `waiting for ${server.url}: ${reason}`,
      ),
  })
  try {
    const fingerprints = new Set([model.systemFingerprint])
    const onClip = () => progress.clipDone()
    await captionAll(list.clips(), { ...context, fingerprints, patience, stop, kill, onClip })
  } finally {
    progress.end()
    const seconds = (performance.now() - begun) / 1000
    for (const line of summaryLines({ tally, before, seconds, ...files }))
      terminal.stderr.write(`aerie: ${line}\n`)
  }
  if (stop.aborted) {
    terminal.stderr.write('aerie: interrupted; the same command goes on where it was\n')
    return INTERRUPTED
  }
  // Where the captions are, alone on standard output, for scripts.
  terminal.stdout.write(`${context.job.out}\n`)
  return tally.failures.size > 0 ? 1 : 0
}

/** At the start a server that is not there is a wrong address, and nothing to wait for. */
async function firstContact(
  server: CaptionServer,
  target: Target,
  signal: AbortSignal,
): Promise<ServedModel> {
  try {
    const model = await server.chooseModel(target.model, signal)
    if (!model.modalities.some((modality) => modality === 'image' || modality === 'video'))
      throw new CommandFailure(`${model.id} reads neither pictures nor videos`)
    return model
  } catch (error) {
    if (error instanceof ServerLost)
      throw new CommandFailure(`cannot reach ${server.url}: ${error.message}`)
    if (error instanceof ServerRefusal) throw new CommandFailure(`${server.url}: ${error.message}`)
    throw error
  }
}

/** Throws UsageError for one file where there may be many clips. */
async function subtitlePlace({ format, out, input }: CaptionJob): Promise<RunOptions['subtitles']> {
  if (format === 'jsonl') return undefined
  const isFile = out.toLowerCase().endsWith(`.${format}`)
  const found = await stat(input).catch(() => undefined)
  if (isFile && (input === '-' || found?.isDirectory() || /\.(txt|jsonl)$/i.test(input)))
    throw new UsageError(`--out ${out}: expected a folder, as each clip has a file of its own`)
  return { path: out, isFolder: !isFile }
}

/** The file that says what the captions are goes last: until then they are ours to remove. */
async function dropCaptions(files: {
  job: string
  captions: string
  failures: string
}): Promise<void> {
  if (!(await stat(files.job).catch(() => undefined))) return
  for (const path of [files.captions, files.failures, files.job]) await rm(path, { force: true })
}

interface Interruptions extends Disposable {
  readonly stop: AbortSignal
  readonly kill: AbortSignal
}

/** The first signal stops, and some seconds later kills; a second one ends the process as one ends that does not listen. */
function interruptions(say: (text: string) => void): Interruptions {
  const [stop, kill] = [new AbortController(), new AbortController()]
  let timer: NodeJS.Timeout | undefined
  const names = ['SIGINT', 'SIGTERM'] as const
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
      return
    }
    say('finishing what is asked; once more ends at once')
    stop.abort()
    timer = setTimeout(() => kill.abort(), FINISH_MS).unref()
  }
  for (const name of names) process.on(name, onSignal)
  return {
    stop: stop.signal,
    kill: kill.signal,
    [Symbol.dispose]() {
      clearTimeout(timer)
      for (const name of names) process.off(name, onSignal)
    },
  }
}
