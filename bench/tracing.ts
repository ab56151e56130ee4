#!/usr/bin/env node
/**
 * What traces cost: `node bench/tracing.ts [requests [clients [rounds]]]` has servers with the starter answer so many questions about
 * pictures (96) of so many clients (8), with traces off, on, and on to a collector that is not there, in turns that begin with
 * another one each; so many rounds (5). A server, its clients and the collector have a process each.
 *
 * Medians of the rounds: tokens a second and time to first token, which mean something on an idle machine alone; the server's
 * processor time for a request, all threads; and the 99th percentile of the delay of its event loop.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type MetricsPage, readMetrics } from '../src/bench/metrics-page.ts'
import { runLoad } from '../src/bench/run-load.ts'
import { startServerProcess } from '../src/bench/server-process.ts'
import { summarise } from '../src/bench/summary.ts'
import { alignedTable } from '../src/bench/table.ts'

/** The collector, when this file is its own child. */
if (process.argv[2] === 'collect') await collect()
else await measure()

async function collect(): Promise<void> {
  let bytes = 0
  const server = createServer((request, response) => {
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
    })
    request.on('end', () => response.writeHead(200).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.send!((server.address() as AddressInfo).port)
  process.on('message', () => process.send!(bytes))
  process.on('disconnect', () => process.exit())
}

interface Outcome {
  readonly tokensPerSecond: number
  readonly ttftMs: number
  readonly processorMs: number
  readonly delayMs: number
}

async function measure(): Promise<void> {
  const [requests = 96, clients = 8, rounds = 5] = process.argv.slice(2).map(Number)
  const collector = fork(import.meta.filename, ['collect'])
  const [port] = (await once(collector, 'message')) as [number]
  const traced = (endpoint: string) => ['--tracing', '--trace-endpoint', endpoint]
  const forms = {
    off: [],
    on: traced(`http://127.0.0.1:${port}`),
    // The port of discard, at which nobody listens.
    'on, no collector': traced('http://127.0.0.1:9'),
  }
  const outcomes: Record<string, Outcome[]> = {}
  const names = Object.keys(forms) as (keyof typeof forms)[]
  let firstPicture = 0
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(round + i) % names.length]!
      const server = await startServerProcess(forms[name])
      try {
        const plan = {
          ...{ url: server.url, apiKey: undefined, model: 'starter', clients, requests },
          ...{ question: 'What is in the picture?', maxTokens: 64, answers: 'exact' as const },
          ...{ pictures: 'distinct' as const, seed: 1, firstPicture },
        }
        firstPicture += 2 * requests
        const before = await readMetrics(server.url, undefined)
        const summary = summarise(plan, await runLoad(plan))
        const after = await readMetrics(server.url, undefined)
        if (summary.failed > 0) throw new Error(`${summary.first_error}`)
        const outcome: Outcome = {
          tokensPerSecond: summary.output_throughput,
          ttftMs: summary.ttft_ms.p50,
          processorMs: (1000 * (processor(after) - processor(before))) / requests,
          delayMs: 1000 * (after.get('aerie_event_loop_delay_seconds{quantile="0.99"}') ?? 0),
        }
        outcomes[name] = [...(outcomes[name] ?? []), outcome]
      } finally {
        await server.stop()
      }
    }
  }
  collector.send('how many')
  const [bytes] = (await once(collector, 'message')) as [number]
  collector.disconnect()
  const middle = (name: string, of: (outcome: Outcome) => number) =>
    outcomes[name]!.map(of).sort((a, b) => a - b)[Math.floor(rounds / 2)]!
  const row = (name: string) => [
    name,
    middle(name, (o) => o.tokensPerSecond).toFixed(1),
    middle(name, (o) => o.ttftMs).toFixed(1),
    middle(name, (o) => o.processorMs).toFixed(1),
    middle(name, (o) => o.delayMs).toFixed(2),
  ]
  const head = ['traces', 'tokens/s', 'TTFT ms', 'processor ms a request', 'event loop p99 ms']
  process.stdout.write(`${alignedTable([head, ...names.map(row)])}\n`)
  const perRequest = bytes / (requests + clients) / rounds
  process.stdout.write(`${perRequest.toFixed(0)} bytes sent to the collector for each request\n`)
}

/** Seconds, since the start of the server: it has nothing else to do. Its decoders' are not among them. */
function processor(page: MetricsPage): number {
  return page.get('process_cpu_seconds_total') ?? 0
}
