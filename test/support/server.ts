/** A whole server on a free loopback port with the starter model, as `aerie serve` starts it. */
import { randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveConfig } from '../../src/config.ts'
import { type RunningServer, startServer } from '../../src/main.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

const pictures = new URL('../../docs/pictures/', import.meta.url)

export async function startTestServer(
  flags: Readonly<Record<string, unknown>> = {},
): Promise<RunningServer> {
  const dataDir = join(tmpdir(), `aerie-data-${randomUUID()}`)
  const config = resolveConfig({ flags: { port: 0, dataDir, ...flags } })
  const server = await startServer(config, { logger: createLogger({ level: 'error' }) })
  return {
    ...server,
    async close() {
      await server.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** A picture of `docs/pictures/` as the data URI that a client would send. */
export async function pictureUri(name: string): Promise<string> {
  const bytes = await readFile(new URL(name, pictures))
  const type = name.endsWith('.png') ? 'png' : 'jpeg'
  return `data:image/${type};base64,${bytes.toString('base64')}`
}

/** One sample of `/metrics`; undefined when the name is not there. */
export async function metric(
  url: string,
  name: string,
  headers: Record<string, string> = {},
): Promise<number | undefined> {
  const response = await fetch(`${url}/metrics`, { headers })
  if (!response.ok) throw new Error(`/metrics: ${response.status} ${await response.text()}`)
  const text = await response.text()
  const line = text.split('\n').find((l) => l.startsWith(`${name} `) || l.startsWith(`${name}{`))
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1))
}
