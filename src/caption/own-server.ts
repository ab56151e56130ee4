/** A server for one run: in this process, on loopback, with a key that nobody else knows. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config, HubEnvironment } from '../config.ts'

export interface OwnServer {
  readonly url: string
  readonly apiKey: string
  close(): Promise<void>
}

/** Rejects as `startServer` does. */
export async function startOwnServer(config: Config, hub: HubEnvironment): Promise<OwnServer> {
  const [{ startServer }, { createLogger }] = await Promise.all([
    import('../main.ts'),
    import('../telemetry/logger.ts'),
  ])
  const apiKey = randomBytes(32).toString('base64url')
  const folder = await mkdtemp(join(tmpdir(), 'aerie-caption-'))
  try {
    const apiKeysFile = join(folder, 'keys')
    await writeFile(apiKeysFile, `caption:${apiKey}\n`, { mode: 0o600 })
    const server = await startServer(
      { ...config, host: '127.0.0.1', port: 0, apiKeysFile, requireApiKey: true },
      { logger: createLogger({ level: 'error' }), hub },
    )
    return { url: server.url, apiKey, close: server.close }
  } finally {
    // It is read once.
    await rm(folder, { recursive: true, force: true })
  }
}
