/** What only the whole program can show: that its parts were handed what they need. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { resolveConfig } from '../src/config.ts'
import type { Progress } from '../src/import/progress.ts'
import { startServer } from '../src/main.ts'
import { createLogger } from '../src/telemetry/logger.ts'
import { readTree, scratchFolder, shardedCheckpoint } from './support/checkpoint-folder.ts'
import { REPOSITORY, startFakeHub } from './support/fake-hub.ts'

it('a server asked for a repository of the hub fetches it, tells how far it is, and serves it', async () => {
  const scratch = scratchFolder()
  const hub = await startFakeHub(readTree(shardedCheckpoint(join(scratch, 'tiny'))))
  const steps: Progress[] = []
  try {
    const modelsDir = join(scratch, 'models')
    const config = resolveConfig({ flags: { port: 0, model: REPOSITORY, modelsDir } })
    const server = await startServer(config, {
      logger: createLogger({ level: 'silent' }),
      hub: { endpoint: hub.url, offline: false },
      onProgress: (progress) => steps.push(progress),
    })
    assert.deepEqual(
      server.models.map(({ id }) => id),
      ['tiny'],
    )
    await server.close()
    assert.ok(steps.length > 0)
  } finally {
    await hub.close()
    rmSync(scratch, { recursive: true })
  }
})
