/** Many chats at once over HTTP: our server and llama-cpp-python's, with the same decoder and the same texts, in turns. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CommandFailure } from '../../cli/command.ts'
import { type LoadResult, type RequestRecord, TEXT_NUMBER_DIGITS } from '../load.ts'
import { median } from '../median.ts'
import { firstModel } from '../options.ts'
import { runLoad } from '../run-load.ts'
import { type BenchServer, startServerProcess } from '../server-process.ts'
import { summarise } from '../summary.ts'
import { EngineFailure } from './engine-process.ts'

export interface ServerReport {
  readonly name: string
  /** Median of the rounds, and best. */
  readonly requestsPerSecond: number
  readonly best: number
  /** Of all rounds. */
  readonly tokensPerSecond: number
  readonly tokensPerAnswer: number
  readonly ttftMs: number
  readonly failed: number
}

export interface ChatsReport {
  readonly model: string
  readonly clients: number
  /** What the chats are, in words. */
  readonly what: string
  readonly servers: readonly ServerReport[]
  /** Ours over llama.cpp's, by medians; null without a peer. */
  readonly ratio: number | null
  /** Why a server is missing. */
  readonly leftOut: readonly string[]
}

export interface ChatsPlan {
  readonly model: string
  readonly clients: number
  readonly promptTokens: number
  readonly answerTokens: number
  readonly rounds: number
  readonly limitMs: number
  readonly threads: number
  readonly backend: string
  /** Our model, and bytes of its cache. */
  readonly ours: string
  readonly kvCacheBytes: number
  /** `model` makes the folder with llama.cpp's file. Undefined: ours alone. */
  readonly peer: { readonly python: string; readonly model: () => Promise<string> } | undefined
}

const LLAMA = 'llama_cpp.server'
/** As `llama_cpp_peer.py` calls it. */
const LLAMA_FILE = 'model.gguf'
/** Of a round, beside what the model takes. */
const NUMBERS_OF_A_ROUND = 1000

/** Rejects with CommandFailure when ours fails; llama.cpp's server is left out with the reason. */
export async function measureChats(
  plan: ChatsPlan,
  say: (line: string) => void,
): Promise<ChatsReport> {
  await using started = new AsyncDisposableStack()
  const servers: { name: string; server: BenchServer; model: string; results: LoadResult[] }[] = []
  const leftOut: string[] = []
  const add = async (name: string, start: () => Promise<BenchServer>) => {
    say(`starting ${name} …`)
    const server = await start()
    started.defer(() => server.stop())
    servers.push({ name, server, model: await firstModel(server.url, undefined), results: [] })
  }
  await add('Aerie', () => startOurs(plan))
  const { peer, clients, limitMs, promptTokens, answerTokens } = plan
  if (peer) {
    try {
      const gguf = join(await peer.model(), LLAMA_FILE)
      await add(LLAMA, () => startLlama(peer.python, gguf, plan))
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error
      leftOut.push(error.message)
      say(error.message)
    }
  }
  for (let round = 0; round < plan.rounds; round++) {
    for (const { name, server, model, results } of servers) {
      if (name === LLAMA && leftOut.length > 0) continue
      say(`round ${round + 1} of ${plan.rounds}, ${clients} chats with ${name} …`)
      try {
        const load = {
          url: server.url,
          apiKey: undefined,
          model,
          // A byte a token, the number before it.
          question: ' wave'.repeat(promptTokens).slice(0, promptTokens - TEXT_NUMBER_DIGITS),
          maxTokens: answerTokens,
          answers: 'exact',
          clients,
          requests: clients,
          pictures: 'none',
          seed: 1,
          firstPicture: round * NUMBERS_OF_A_ROUND,
        } as const
        results.push(await runLoad(load, AbortSignal.timeout(limitMs)))
      } catch (error) {
        if ((error as Error).name !== 'AbortError') throw error
        const reason = `${name}: ${clients} chats were not answered within ${limitMs / 1000} s, killed`
        if (name !== LLAMA) throw new CommandFailure(reason, { cause: error })
        leftOut.push(reason)
        say(reason)
        // It would go on with what nobody waits for.
        await server.stop()
      }
    }
  }
  const reports = servers
    .filter(({ results }) => results.length === plan.rounds)
    .map(({ name, results }) => reportOf(name, clients, results))
  const [ours, theirs] = reports
  return {
    model: plan.model,
    clients,
    what:
      `texts of ${promptTokens} tokens, each unlike all others, answers of ${answerTokens}. Texts on both sides, as many tokens ` +
      'as a picture and a question: llama.cpp takes pictures only with a projector file, which this decoder has not',
    servers: reports,
    ratio: ours && theirs ? ours.requestsPerSecond / theirs.requestsPerSecond : null,
    leftOut,
  }
}

function reportOf(name: string, clients: number, results: readonly LoadResult[]): ServerReport {
  const rounds = results.map((result) => summarise({ clients, pictures: 'none' }, result))
  const rates = rounds.map((round) => round.request_throughput)
  const done = results.flatMap(({ records }) => records).filter((record) => !record.error)
  const answered = done.reduce((sum, record) => sum + answerTokens(record), 0)
  return {
    name,
    requestsPerSecond: median(rates),
    best: Math.max(...rates),
    tokensPerSecond: answered / rounds.reduce((sum, { duration }) => sum + duration, 0),
    tokensPerAnswer: answered / Math.max(1, done.length),
    ttftMs: median(rounds.map((round) => round.ttft_ms.p50)),
    failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
  }
}

/** A server that does not count sends a piece a token. */
function answerTokens({ completionTokens, ttftMs, gapsMs }: RequestRecord): number {
  if (completionTokens > 0) return completionTokens
  return ttftMs === undefined ? 0 : gapsMs.length + 1
}

function startOurs({
  ours,
  threads,
  backend,
  clients,
  kvCacheBytes,
}: ChatsPlan): Promise<BenchServer> {
  return startServerProcess([
    ours,
    ...['--backend', backend, '--threads', String(threads)],
    // What a model of random weights says repeats itself as no real one does.
    ...['--speculation', 'off'],
    ...['--max-running', String(clients), '--kv-cache-bytes', String(kvCacheBytes)],
  ])
}

/** At its best settings: no logits but the last, flash attention, and no request cut short by the next. */
async function startLlama(
  python: string,
  gguf: string,
  { threads, limitMs }: ChatsPlan,
): Promise<BenchServer> {
  const port = await freePort()
  const settings = {
    model: gguf,
    host: '127.0.0.1',
    port,
    n_ctx: 2048,
    n_threads: threads,
    n_threads_batch: threads,
    flash_attn: true,
    logits_all: false,
    interrupt_requests: false,
    verbose: false,
  }
  const flags = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)])
  const child = spawn(python, ['-m', LLAMA, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4096)
  })
  let ended: string | undefined
  const end = Promise.race([once(child, 'exit'), once(child, 'error')]).then(
    () => (ended = complaint.trim().split('\n').at(-1) || 'it ended'),
    (error: Error) => (ended = error.message),
  )
  const stop = async () => {
    child.kill('SIGKILL')
    await end
  }
  const url = `http://127.0.0.1:${port}`
  const start = performance.now()
  for (;;) {
    if (ended !== undefined) throw new EngineFailure(`${LLAMA} did not start: ${ended}`)
    if (await answers(`${url}/v1/models`)) break
    if (performance.now() - start > limitMs) {
      await stop()
      throw new EngineFailure(`${LLAMA} was not ready within ${limitMs / 1000} s`)
    }
    await delay(100)
  }
  return { url, readyMs: performance.now() - start, residentBytes: () => undefined, stop }
}

/** False while nobody listens. */
async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
