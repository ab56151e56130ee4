/** The server that is tested: the starter, with the names that tests ask for. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServerProcess } from '../../src/bench/server-process.ts'

export interface ConformanceServer extends AsyncDisposable {
  /** Without `/v1`. */
  readonly url: string
  readonly model: string
  readonly apiKey: string
}

const API_KEY = 'conformance-key'

/** `withKey`: it refuses whoever has none; otherwise any is as good as none. */
export async function startConformanceServer(withKey: boolean): Promise<ConformanceServer> {
  const folder = await mkdtemp(join(tmpdir(), 'aerie-conformance-'))
  const keys = join(folder, 'keys')
  await writeFile(keys, `conformance:${API_KEY}\n`)
  const server = await startServerProcess([
    ...['--data-dir', join(folder, 'data')],
    ...(withKey ? ['--api-keys-file', keys] : []),
  ])
  return {
    url: server.url,
    model: 'starter',
    apiKey: API_KEY,
    async [Symbol.asyncDispose]() {
      await server.stop()
      await rm(folder, { recursive: true })
    },
  }
}
