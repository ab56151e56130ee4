/** `aerie serve` as a process of its own, to be killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const AERIE = fileURLToPath(new URL('../../bin/aerie.js', import.meta.url))

export interface ServeProcess extends AsyncDisposable {
  /** `http://host:port` once it serves; undefined where it ended before. */
  readonly url: Promise<string | undefined>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

/** The starter on a free loopback port. */
export function spawnServer(flags: readonly string[]): ServeProcess {
  const args = [AERIE, 'serve', '--port', '0', '--log-level', 'error', ...flags]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exit
  }
  return { url: findUrl(createInterface(child.stdout)), kill, [Symbol.asyncDispose]: kill }
}

async function findUrl(lines: AsyncIterable<string>): Promise<string | undefined> {
  for await (const line of lines) {
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? []
    if (url !== undefined) return url
  }
  return undefined
}
