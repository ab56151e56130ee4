/** The servers that chats are measured with: ours, and llama-cpp-python's. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type BenchServer, startServerProcess } from '../server-process.ts'
import { EngineFailure } from './engine-process.ts'

export interface OurServer {
  /** The folder that is served. */
  readonly model: string
  readonly backend: string
  readonly threads: number
  readonly maxRunning: number
  readonly kvCacheBytes: number
}

export function startOurs(of: OurServer): Promise<BenchServer> {
  return startServerProcess([
    of.model,
    ...['--backend', of.backend, '--threads', String(of.threads)],
    // What a model of random weights says repeats itself as no real one does.
    ...['--speculation', 'off'],
    ...['--max-running', String(of.maxRunning), '--kv-cache-bytes', String(of.kvCacheBytes)],
  ])
}

export const LLAMA = 'llama_cpp.server'

export interface LlamaServer {
  readonly python: string
  readonly gguf: string
  /** The projector file; undefined: it takes texts alone. */
  readonly projector: string | undefined
  readonly threads: number
  readonly limitMs: number
}

/**
 * At its best settings: no logits but the last, flash attention, and no request cut short by the next. Rejects with
 * EngineFailure.
 */
export async function startLlama(of: LlamaServer): Promise<BenchServer> {
  const { python, threads, limitMs, projector } = of
  const port = await freePort()
  const settings = {
    model: of.gguf,
    host: '127.0.0.1',
    port,
    n_ctx: 2048,
    n_threads: threads,
    n_threads_batch: threads,
    flash_attn: true,
    logits_all: false,
    interrupt_requests: false,
    verbose: false,
    ...(projector !== undefined && { chat_format: 'llava-1-5', clip_model_path: projector }),
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
  return { url, readyMs: performance.now() - start, memory: () => undefined, stop }
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
