/** `aerie bench frames`: what a question about many frames costs, and what the next one about the same costs. */
import { Agent } from 'node:http'
import {
  type Command,
  CommandFailure,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from '../cli/command.ts'
import { countsOption, firstModel } from './options.ts'

export const framesBenchCommand: Command = {
  name: 'bench frames',
  summary: 'ask about 64, 256 and 1024 frames, then once more about the same',
  operands: '<model> [options]',
  details: [
    'Serves the model and sends conversations with many pictures; then each of them again with its',
    'answer and a further question, for which nothing may be encoded: exit code 1 when something was.',
  ],
  options: {
    frames: {
      type: 'string',
      value: 'list',
      description: 'numbers of frames',
      default: '64,256,1024',
    },
    'max-tokens': { type: 'string', value: 'n', description: 'longest answer', default: '8' },
    'encoder-cache': {
      type: 'string',
      value: 'size',
      description: 'room for their features, --encoder-cache-bytes of the server',
      default: '1GiB',
    },
    json: { type: 'boolean', description: 'the numbers as JSON' },
  },
  configKeys: [],
  examples: ['aerie bench frames checkpoints/LongVILA-7B --frames 64,128,256'],
  run: benchFrames,
}

interface Reading {
  readonly frames: number
  readonly promptTokens: number
  readonly firstMs: number
  readonly againMs: number
  /** Pictures that went through the towers for the second question. */
  readonly encodedAgain: number
}

async function benchFrames(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const [model, ...more] = args.positionals
  if (model === undefined) throw new UsageError('expected a model: a folder, a package or a hub id')
  if (more.length > 0) throw new UsageError(`unexpected '${more[0]}'`)
  const sizes = countsOption(args, framesBenchCommand, 'frames', 65_536)
  const maxTokens = integerOption(args, framesBenchCommand, 'max-tokens')!
  const cache = String(
    args.options.get('encoder-cache') ?? framesBenchCommand.options['encoder-cache']?.default,
  )
  const [{ startServerProcess }, { smallPicture, numberedUris }] = await Promise.all([
    import('./server-process.ts'),
    import('./pictures.ts'),
  ])
  const server = await startServerProcess([
    model,
    ...['--max-images-per-request', String(Math.max(...sizes))],
    ...['--encoder-cache-bytes', cache],
  ])
  try {
    const id = await firstModel(server.url, undefined)
    const uri = numberedUris(await smallPicture())
    const readings: Reading[] = []
    let next = 0
    for (const frames of sizes) {
      const pictures = Array.from({ length: frames }, () => uri(next++).toString())
      readings.push(await twoQuestions(server.url, id, pictures, maxTokens))
      terminal.stderr.write(`${frames} frames\n`)
    }
    const memory = server.memory()
    const rss = memory && memory.own + memory.descendants
    const { alignedTable } = await import('./table.ts')
    const text = args.options.has('json')
      ? JSON.stringify({ readings, rss_bytes: rss })
      : `${alignedTable(table(readings))}\nresident memory ${((rss ?? Number.NaN) / 2 ** 20).toFixed(0)} MiB`
    terminal.stdout.write(`${text}\n`)
    return readings.every(({ encodedAgain }) => encodedAgain === 0) ? 0 : 1
  } finally {
    await server.stop()
  }
}

async function twoQuestions(
  url: string,
  model: string,
  pictures: readonly string[],
  maxTokens: number,
): Promise<Reading> {
  const [{ timeRequest }, { readMetrics }] = await Promise.all([
    import('./request.ts'),
    import('./metrics-page.ts'),
  ])
  const agent = new Agent({ keepAlive: true })
  const encoded = async () =>
    (await readMetrics(url, undefined)).get('aerie_encoder_cache_misses_total') ?? Number.NaN
  const ask = async (messages: readonly unknown[]) => {
    const body = Buffer.from(
      JSON.stringify({
        model,
        messages,
        max_tokens: maxTokens,
        min_tokens: maxTokens,
        temperature: 0,
        stream: true,
        stream_options: { include_usage: true },
      }),
    )
    const record = await timeRequest({
      url,
      apiKey: undefined,
      agent,
      body,
      loadStart: performance.now(),
    })
    if (record.error !== undefined)
      throw new CommandFailure(`${pictures.length} frames: ${record.error}`)
    return record
  }
  const first = {
    role: 'user',
    content: [
      ...pictures.map((picture) => ({ type: 'image_url', image_url: { url: picture } })),
      { type: 'text', text: 'What happens in these frames?' },
    ],
  }
  const said = await ask([first])
  const before = await encoded()
  const again = await ask([
    first,
    { role: 'assistant', content: 'Nothing much.' },
    { role: 'user', content: 'And how does it end?' },
  ])
  agent.destroy()
  return {
    frames: pictures.length,
    promptTokens: said.promptTokens,
    firstMs: said.totalMs,
    againMs: again.totalMs,
    encodedAgain: (await encoded()) - before,
  }
}

function table(readings: readonly Reading[]): string[][] {
  return [
    ['frames', 'prompt tokens', 'first question', 'a frame', 'next question', 'encoded again'],
    ...readings.map(({ frames, promptTokens, firstMs, againMs, encodedAgain }) => [
      String(frames),
      String(promptTokens),
      `${(firstMs / 1000).toFixed(2)} s`,
      `${(firstMs / frames).toFixed(2)} ms`,
      `${(againMs / 1000).toFixed(2)} s`,
      String(encodedAgain),
    ]),
  ]
}
