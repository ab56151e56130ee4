/** The server that is tested: the starter, with the names that tests ask for. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServerProcess } from '../../src/bench/server-process.ts'

export interface ConformanceServer extends AsyncDisposable {
  /** Without `/v1`. */
  readonly url: string
  readonly model: string
}

export async function startConformanceServer(): Promise<ConformanceServer> {
  const folder = await mkdtemp(join(tmpdir(), 'aerie-conformance-'))
  const server = await startServerProcess(['--data-dir', join(folder, 'data')])
  return {
    url: server.url,
    model: 'starter',
    async [Symbol.asyncDispose]() {
      await server.stop()
      await rm(folder, { recursive: true })
    },
  }
}
