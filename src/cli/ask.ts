/** `aerie ask`: one question about pictures, a clip or a sound, answered in this process; the answer alone on stdout. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import type { ChatEvent, ContentPart, ImageDetail } from '../chat/contract.ts'
import { CONFIG_KEYS, hubEnvironment, readConfig } from '../config.ts'
import { AerieError } from '../errors.ts'
import {
  type Command,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from './command.ts'
import { fileOrUrl, videoPart } from './video-option.ts'

const SERVER_ONLY = new Set(['Server', 'Access'])

export const askCommand: Command = {
  name: 'ask',
  summary: 'ask about pictures, a clip or a sound without a server',
  operands: '<picture…> "question" [options]',
  details: [
    'Pictures are files, http(s) URLs, or - for one on standard input. The last operand is the question.',
    'A clip is seen as the model was trained to, unless an option says which frames are to be looked at.',
    'The answer alone goes to standard output, as it is generated.',
  ],
  options: {
    'max-tokens': { type: 'string', value: 'n', description: 'longest answer in tokens' },
    detail: {
      type: 'string',
      value: 'auto|low|high',
      description: 'resolution of the pictures',
      default: 'auto',
    },
    video: { type: 'string', value: 'clip', description: 'a video file or http(s) URL' },
    fps: { type: 'string', value: 'n', description: 'frames a second of the clip' },
    'max-frames': { type: 'string', value: 'n', description: 'frames of the clip at most' },
    start: { type: 'string', value: 's', description: 'seconds of the clip to begin at' },
    end: { type: 'string', value: 's', description: 'seconds of the clip to end at' },
    sound: { type: 'string', value: 'sound', description: 'a file of sound, or its http(s) URL' },
    json: { type: 'boolean', description: 'one JSON object: answer, usage and what the model saw' },
  },
  configKeys: [...CONFIG_KEYS].filter(([, s]) => !SERVER_ONLY.has(s.group)).map(([key]) => key),
  examples: [
    'aerie ask docs/pictures/red-circle-blue-square.png "what color is the circle?"',
    'aerie ask --video clip.mp4 --start 10 --end 20 "what happens?"',
    'aerie ask --sound doorbell.wav "what is heard?"',
    'aerie ask --json docs/pictures/number-42.png "what is written there?"',
  ],
  run: ask,
}

async function ask(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const pictures = args.positionals.slice(0, -1)
  const question = args.positionals.at(-1)
  if (question === undefined)
    throw new UsageError('expected pictures and a question; see `aerie ask --help`')
  if (pictures.length === 0 && existsSync(question))
    throw new UsageError(`expected a question behind the picture ${question}`)
  const maxTokens = integerOption(args, askCommand, 'max-tokens')
  const detail = detailOption(args)
  const config = await readConfig(args.config, args.configFile)
  const content: ContentPart[] = await Promise.all(
    pictures.map(async (picture, i) => ({
      type: 'image' as const,
      url: await pictureUrl(picture, terminal.stdin),
      detail,
      param: `picture ${i + 1} (${picture})`,
    })),
  )
  const clip = await videoPart(args)
  if (clip) content.push(clip)
  const sound = args.options.get('sound')
  if (typeof sound === 'string') {
    const from = await fileOrUrl(sound, 'sound')
    content.push({ type: 'sound', from, param: `sound (${sound})` })
  }
  content.push({ type: 'text', text: question, param: 'question' })

  const { openModel } = await import('../main.ts')
  const model = await openModel(config, { hub: hubEnvironment() })
  const interrupt = new AbortController()
  const onSignal = () => interrupt.abort()
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  try {
    const events = model.ask(
      content,
      { requestId: 'ask', maxTokens, explain: true },
      interrupt.signal,
    )
    if (args.options.has('json')) {
      terminal.stdout.write(`${JSON.stringify(await collect(events))}\n`)
    } else {
      for await (const event of events) {
        if (event.type === 'text-delta') terminal.stdout.write(event.text)
      }
      terminal.stdout.write('\n')
    }
    return 0
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    await model.close()
  }
}

/** Everything that was told, as one object for scripts. */
async function collect(events: AsyncIterable<ChatEvent>): Promise<Record<string, unknown>> {
  const result: Record<string, unknown> = { answer: '' }
  for await (const event of events) {
    const { type, ...rest } = event
    if (event.type === 'text-delta') result['answer'] += event.text
    else if (event.type === 'start') result['model'] = event.model
    else if (event.type === 'finish') result['finishReason'] = event.reason
    else if (event.type === 'timings') result['stations'] = event.stations
    else result[type] = rest
  }
  return result
}

/** A URL as it is; a file or standard input as a data URI. What the bytes are is found out by decoding. */
async function pictureUrl(picture: string, stdin: NodeJS.ReadableStream): Promise<string> {
  if (/^(https?|data):/i.test(picture)) return picture
  const bytes = picture === '-' ? await buffer(stdin) : await readPicture(picture)
  return `data:image/png;base64,${bytes.toString('base64')}`
}

async function readPicture(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AerieError('invalid_media', `cannot read the picture ${path}: ${reason}`, { cause })
  }
}

function detailOption(args: ParsedArgs): ImageDetail {
  const value = args.options.get('detail') ?? 'auto'
  if (value === 'auto' || value === 'low' || value === 'high') return value
  throw new UsageError(`--detail: expected one of auto, low, high, got '${value}'`)
}
