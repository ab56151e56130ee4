/** A server in a process of its own, started for a benchmark and stopped after it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from '../cli/command.ts'
import { type TreeMemory, treeMemory } from './process-tree.ts'

export interface BenchServer {
  /** Base URL without `/v1`. */
  readonly url: string
  /** From start of the process to 200 on /readyz; undefined for a server that ran already. */
  readonly readyMs: number | undefined
  /** Of the process; undefined for a server that ran already. */
  readonly pid?: number
  /** Of the server and its child processes; undefined where that cannot be seen from here. */
  memory(): TreeMemory | undefined
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 60_000

/** A server that runs already and is left running. */
export function runningServer(url: string): BenchServer {
  return {
    url: url.replace(/\/(v1\/?)?$/, ''),
    readyMs: undefined,
    memory: () => undefined,
    stop: async () => undefined,
  }
}

/** Starts `aerie serve` on a free loopback port with these further flags and waits until it is ready. */
export async function startServerProcess(flags: readonly string[]): Promise<BenchServer> {
  const aerie = fileURLToPath(new URL('../../bin/aerie.js', import.meta.url))
  const start = performance.now()
  const args = [
    aerie,
    'serve',
    '--host',
    '127.0.0.1',
    '--port',
    '0',
    '--log-level',
    'error',
    ...flags,
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    await exit
  }
  try {
    const url = await announcedUrl(child)
    while (!(await isReady(url))) {
      if (performance.now() - start > START_TIMEOUT_MS)
        throw new CommandFailure('the server did not get ready within a minute')
      await delay(5)
    }
    const readyMs = performance.now() - start
    return { url, readyMs, pid: child.pid!, memory: () => treeMemory(child.pid!), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The first URL that the server prints. */
function announcedUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
      const url = /(http:\/\/[\w.:[\]]+)\/v1/.exec(text)?.[1]
      if (url) resolve(url)
    })
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(new CommandFailure(`the server ended with code ${code} before it was ready`)),
    )
  })
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`)
  await response.arrayBuffer()
  return response.ok
}
