/** `aerie caption`: a folder of clips in, a line or a subtitle for each of their segments out; run again, it goes on. */
import { readFile } from 'node:fs/promises'
import { type Command, CommandFailure, type ParsedArgs, type Terminal } from '../cli/command.ts'
import { CONFIG_KEYS, hubEnvironment, readConfig, serverKeyEnvironment } from '../config.ts'
import { type CaptionOptions, captionOptions } from './options.ts'

const SERVER_ONLY = new Set(['Server', 'Access'])

export const captionCommand: Command = {
  name: 'caption',
  summary: 'caption clips and pictures by the thousand',
  operands: '<folder | list.txt | list.jsonl | clip | -> --out captions.jsonl [options]',
  details: [
    'Every clip is cut into segments, and each segment is asked about once. Run again, the command goes',
    'on where it was; a clip that cannot be captioned is written down and stops nothing.',
    'A list has a path or URL a line, or an object: {"path" | "url", "id", "start", "end", "prompt",',
    '"segment"}. - reads one from standard input. docs/video.md has the rest.',
    'Ctrl-C finishes what is asked, a second one ends at once; both lose nothing.',
    'Ends with 0 when all is captioned, 1 when something failed, 2 when misused, 130 when interrupted.',
  ],
  options: {
    out: {
      type: 'string',
      value: 'file',
      description: 'file of the captions; for srt and vtt a folder, or one file for one clip',
    },
    format: {
      type: 'string',
      value: 'jsonl|srt|vtt',
      description: 'a line a segment, or subtitles; else by the ending of --out',
    },
    segment: {
      type: 'string',
      value: 'rule',
      description:
        'how long a segment is: 10s, 500ms, 2m; scenes or scenes:30s: cut at scenes; whole',
      default: '10s',
    },
    prompt: {
      type: 'string',
      value: 'text',
      description: 'what to ask about each segment',
      default: 'Describe what you see.',
    },
    fps: {
      type: 'string',
      value: 'n',
      description: 'frames a second that are shown; else as trained',
    },
    'max-frames': { type: 'string', value: 'n', description: 'most frames of a segment' },
    sampling: {
      type: 'string',
      value: 'how',
      description: 'which frames: uniform, keyframes or scenes; else as the model was trained',
    },
    'max-tokens': { type: 'string', value: 'n', description: 'longest caption in tokens' },
    server: {
      type: 'string',
      value: 'url',
      description:
        'a running server, with the key in OPENAI_API_KEY; else the model is opened here',
    },
    jobs: { type: 'string', value: 'n', description: 'requests at a time', default: '4' },
    wait: {
      type: 'string',
      value: 'length',
      description: 'how long to wait for a server that is gone before the run stops',
      default: '10m',
    },
    'retry-failed': { type: 'boolean', description: 'try those again that failed before' },
    restart: { type: 'boolean', description: 'drop the captions that are there and begin anew' },
  },
  configKeys: [...CONFIG_KEYS].filter(([, s]) => !SERVER_ONLY.has(s.group)).map(([key]) => key),
  examples: [
    'aerie caption clips --out captions.jsonl',
    'aerie caption clips --out subtitles --format vtt --segment 5s',
    'aerie caption films --out films.jsonl --segment scenes:1m',
    'aerie caption talk.mp4 --out talk.srt --prompt "what is shown?"',
    'aerie caption list.jsonl --out captions.jsonl --server http://127.0.0.1:8000 --jobs 16',
  ],
  run: caption,
}

async function caption(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const options = captionOptions(args, captionCommand)
  const { lockFile } = await import('../lock-file.ts')
  const lock = await lockFile(`${options.job.out}.lock`).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'its folder is not there' : error.message
    throw new CommandFailure(`--out ${options.job.out}: ${reason}`)
  })
  if (!lock.isHeld) {
    const path = `${options.job.out}.lock`
    throw new CommandFailure(
      `${options.job.out}: process ${lock.holder} is captioning here; if it is gone, remove ${path}`,
    )
  }
  try {
    return await captionLocked(options, args, terminal)
  } finally {
    await lock.unlock()
  }
}

async function captionLocked(
  options: CaptionOptions,
  args: ParsedArgs,
  terminal: Terminal,
): Promise<number> {
  const [{ runCaptions }, version] = await Promise.all([import('./session.ts'), ownVersion()])
  const model = args.config['model']
  if (options.server !== undefined) {
    const server = { url: options.server, apiKey: serverKeyEnvironment(), model: model?.toString() }
    return runCaptions(options, server, version, terminal)
  }
  const config = await readConfig(args.config, args.configFile)
  const { startOwnServer } = await import('./own-server.ts')
  const own = await startOwnServer(config, hubEnvironment())
  try {
    return await runCaptions(options, { ...own, model: undefined }, version, terminal)
  } finally {
    await own.close()
  }
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
