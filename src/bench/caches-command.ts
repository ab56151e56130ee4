/** `aerie bench caches`: what the second question about a picture costs beside the first, for the same tenant, another, and after a restart. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Command,
  CommandFailure,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from '../cli/command.ts'
import type { MetricsPage } from './metrics-page.ts'

export const cachesBenchCommand: Command = {
  name: 'bench caches',
  summary: 'ask about pictures again: the same tenant, another, after a restart',
  operands: '[model] [options]',
  details: [
    'Serves the model with two API keys and a feature cache on disk, and asks about pictures in turns:',
    'one tenant, the same one again, the other; then all of it again after a restart. Without a model it',
    'writes one with towers of common size and random weights. Exit code 1 when anything that was known',
    'was encoded again, when a tenant profited from the other, or when --most was exceeded.',
  ],
  options: {
    pictures: { type: 'string', value: 'n', description: 'how many of them', default: '5' },
    most: {
      type: 'string',
      value: 'percent',
      description: 'longest TTFT of a second question, of that of the first one',
      default: '10',
    },
    json: { type: 'boolean', description: 'the numbers as JSON' },
  },
  configKeys: [],
  examples: ['aerie bench caches', 'aerie bench caches starter --pictures 20 --most 100'],
  run: benchCaches,
}

/** Whose first or second question about a picture. Times are TTFT in milliseconds, one a picture. */
interface Reading {
  readonly what: string
  readonly ttftMs: number[]
  /** Pictures that went through the towers for it, and that came from disk. */
  encoded: number
  fromDisk: number
}

async function benchCaches(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const [model, ...more] = args.positionals
  if (more.length > 0) throw new UsageError(`unexpected '${more[0]}'`)
  const count = integerOption(args, cachesBenchCommand, 'pictures')!
  const most = integerOption(args, cachesBenchCommand, 'most')!
  const folder = await mkdtemp(join(tmpdir(), 'aerie-bench-caches-'))
  try {
    const served = model ?? (await randomModel(folder, terminal))
    const readings = await measureCaches(served, folder, count, (line) =>
      terminal.stderr.write(`${line}\n`),
    )
    const { median } = await import('./median.ts')
    const { alignedTable } = await import('./table.ts')
    const first = median(readings[0]!.ttftMs)
    const shares = readings.map(({ ttftMs }) => (100 * median(ttftMs)) / first)
    const rows = readings.map(({ what, ttftMs, encoded, fromDisk }, i) => [
      what,
      median(ttftMs).toFixed(1),
      `${Math.min(...ttftMs).toFixed(1)}–${Math.max(...ttftMs).toFixed(1)}`,
      `${shares[i]!.toFixed(1)} %`,
      String(encoded),
      String(fromDisk),
    ])
    const heads = ['question', 'TTFT ms', 'from–to', 'of the first', 'encoded', 'from disk']
    terminal.stdout.write(
      args.options.has('json')
        ? `${JSON.stringify({ pictures: count, readings })}\n`
        : `${alignedTable([heads, ...rows])}\n`,
    )
    const expected = [count, 0, count, 0, 0]
    const isRight = readings.every(({ encoded }, i) => encoded === expected[i])
    return isRight && shares[1]! <= most ? 0 : 1
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function randomModel(folder: string, terminal: Terminal): Promise<string> {
  const { writeRandomPictureModel } = await import('./random-picture-model.ts')
  const model = join(folder, 'model')
  const bytes = await writeRandomPictureModel(model)
  terminal.stderr.write(`random model of ${(bytes / 2 ** 20).toFixed(0)} MiB\n`)
  return model
}

async function measureCaches(
  model: string,
  folder: string,
  count: number,
  progress: (line: string) => void,
): Promise<Reading[]> {
  const [{ startServerProcess }, { firstModel }, { basePictures, numberedUris }] =
    await Promise.all([
      import('./server-process.ts'),
      import('./options.ts'),
      import('./pictures.ts'),
    ])
  const keys = { one: randomBytes(16).toString('hex'), other: randomBytes(16).toString('hex') }
  const keysFile = join(folder, 'keys')
  await writeFile(keysFile, `one:${keys.one}\nother:${keys.other}\n`, { mode: 0o600 })
  const flags = [
    model,
    ...['--api-keys-file', keysFile, '--encoder-disk-cache-dir', join(folder, 'cache')],
    ...['--encoder-cache-bytes', '1GiB', '--kv-cache-bytes', '1GiB'],
  ]
  const [photo] = await basePictures(1)
  const uri = numberedUris(photo!)
  const uris = Array.from({ length: count + 1 }, (_, i) => uri(i).toString())
  const reading = (what: string): Reading => ({ what, ttftMs: [], encoded: 0, fromDisk: 0 })
  const first = reading('the first')
  const second = reading('the second')
  const other = reading("another tenant's first")
  const restarted = reading('the first after a restart')
  const again = reading('the second after it')

  const serve = async (ask: (client: CacheClient) => Promise<void>) => {
    const server = await startServerProcess(flags)
    try {
      const client = new CacheClient(server.url, await firstModel(server.url, keys.one))
      // The first request of all pays for what every process does once.
      for (const key of [keys.one, keys.other])
        await client.ask(reading('warm-up'), key, uris[count]!, 'What is this?')
      await ask(client)
      client.close()
    } finally {
      await server.stop()
    }
  }
  await serve(async (client) => {
    for (const [i, picture] of uris.slice(0, count).entries()) {
      await client.ask(first, keys.one, picture, 'What is in the picture?')
      await client.ask(second, keys.one, picture, 'Which colours has it?')
      await client.ask(other, keys.other, picture, 'What is in the picture?')
      progress(`picture ${i + 1} of ${count}`)
    }
  })
  await serve(async (client) => {
    for (const picture of uris.slice(0, count)) {
      await client.ask(restarted, keys.one, picture, 'What is in the picture?')
      await client.ask(again, keys.one, picture, 'Which colours has it?')
    }
  })
  return [first, second, other, restarted, again]
}

class CacheClient {
  readonly #url: string
  readonly #model: string
  readonly #agent = new Agent({ keepAlive: true })

  constructor(url: string, model: string) {
    this.#url = url
    this.#model = model
  }

  /** Asks about a picture and notes what it took. Rejects with CommandFailure when it was not answered. */
  async ask(reading: Reading, apiKey: string, picture: string, question: string): Promise<void> {
    const [{ timeRequest }, { readMetrics }] = await Promise.all([
      import('./request.ts'),
      import('./metrics-page.ts'),
    ])
    const content = [
      { type: 'image_url', image_url: { url: picture } },
      { type: 'text', text: question },
    ]
    const body = Buffer.from(
      JSON.stringify({
        model: this.#model,
        messages: [{ role: 'user', content }],
        ...{ max_tokens: 4, min_tokens: 4, temperature: 0, stream: true },
        stream_options: { include_usage: true },
      }),
    )
    const before = await readMetrics(this.#url, apiKey)
    const record = await timeRequest({
      ...{ url: this.#url, apiKey, agent: this.#agent, body },
      loadStart: performance.now(),
    })
    if (record.error !== undefined) throw new CommandFailure(record.error)
    const after = await readMetrics(this.#url, apiKey)
    const more = (name: string) => sample(after, name) - sample(before, name)
    reading.ttftMs.push(record.ttftMs ?? record.totalMs)
    reading.encoded += more('aerie_encoder_cache_misses_total')
    reading.fromDisk += more('aerie_encoder_disk_cache_hits_total')
  }

  close(): void {
    this.#agent.destroy()
  }
}

function sample(page: MetricsPage, name: string): number {
  return page.get(name) ?? Number.NaN
}
