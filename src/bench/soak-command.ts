/** `aerie bench soak`: whether memory stays flat and nothing is left over after thousands of pictures. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Command,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from '../cli/command.ts'
import { COMMON_OPTIONS } from './options.ts'

export const soakCommand: Command = {
  name: 'bench soak',
  summary: 'send thousands of pictures and compare resident memory',
  operands: '[options]',
  details: [
    'Compares resident memory after the first tenth of the requests (caches are warm) and after all.',
    'Exit code 1 when it grew by more than 10 %, when a request failed, or when a sequence is left over.',
  ],
  options: {
    ...COMMON_OPTIONS,
    'max-tokens': { ...COMMON_OPTIONS['max-tokens']!, default: '8' },
    requests: { type: 'string', value: 'n', description: 'requests in all', default: '5000' },
    clients: { type: 'string', value: 'n', description: 'number of clients', default: '8' },
  },
  configKeys: [],
  examples: ['aerie bench soak --requests 1000', 'aerie bench soak --url http://127.0.0.1:8000'],
  run: soak,
}

async function soak(args: ParsedArgs, terminal: Terminal): Promise<number> {
  if (args.positionals.length > 0) throw new UsageError(`unexpected '${args.positionals[0]}'`)
  const requests = integerOption(args, soakCommand, 'requests', 20)!
  const clients = integerOption(args, soakCommand, 'clients')!
  const [{ openTarget }, { runLoad }, { readMetrics }] = await Promise.all([
    import('./options.ts'),
    import('./run-load.ts'),
    import('./metrics-page.ts'),
  ])
  const target = await openTarget(args, soakCommand)
  const { server, apiKey, model, question, maxTokens, seed } = target
  try {
    const part = async (count: number, firstPicture: number) => {
      const { records } = await runLoad({
        url: server.url,
        apiKey,
        model,
        question,
        maxTokens,
        answers: 'natural',
        clients,
        requests: count,
        pictures: 'distinct',
        seed,
        firstPicture,
      })
      // A moment of rest: what belongs to the last requests is given back.
      await delay(1000)
      const metrics = await readMetrics(server.url, apiKey)
      return {
        failures: records.flatMap(({ error }) => error ?? []),
        // A server that runs elsewhere tells only of its main process.
        rssBytes:
          server.residentBytes() ?? metrics.get('process_resident_memory_bytes') ?? Number.NaN,
        sequencesRunning: metrics.get('aerie_sequences_running') ?? Number.NaN,
      }
    }
    const parts = []
    for (let done = 0, tenth = 1; tenth <= 10; tenth++) {
      const count = Math.round((requests * tenth) / 10) - done
      const reading = await part(count, tenth * 1_000_000)
      done += count
      parts.push(reading)
      terminal.stderr.write(`${done} of ${requests} requests, ${mib(reading.rssBytes)}\n`)
    }
    const [early, late] = [parts[0]!, parts.at(-1)!]
    const failures = parts.flatMap((reading) => reading.failures)
    const result = {
      requests,
      failed: failures.length,
      first_error: failures[0] ?? null,
      rss_after_tenth_bytes: early.rssBytes,
      rss_at_end_bytes: late.rssBytes,
      rss_by_tenth_bytes: parts.map(({ rssBytes }) => rssBytes),
      rss_growth: late.rssBytes / early.rssBytes - 1,
      sequences_running_at_end: late.sequencesRunning,
    }
    terminal.stdout.write(
      `${args.options.has('json') ? JSON.stringify(result) : sentence(result)}\n`,
    )
    const isGood = failures.length === 0 && result.rss_growth <= 0.1 && late.sequencesRunning === 0
    return isGood ? 0 : 1
  } finally {
    await server.stop()
  }
}

const mib = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(0)} MiB`

function sentence(result: {
  readonly requests: number
  readonly failed: number
  readonly rss_after_tenth_bytes: number
  readonly rss_at_end_bytes: number
  readonly rss_growth: number
  readonly sequences_running_at_end: number
}): string {
  return (
    `${result.requests} requests, ${result.failed} failed; resident memory ` +
    `${mib(result.rss_after_tenth_bytes)} after a tenth, ${mib(result.rss_at_end_bytes)} at the end ` +
    `(${(100 * result.rss_growth).toFixed(1)} %); ${result.sequences_running_at_end} sequences left over`
  )
}
