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

it('a server that closes before everything is answered says so in each answer, and then hangs up', async () => {
  const scratch = scratchFolder()
  const model = shardedCheckpoint(join(scratch, 'tiny'))
  const logger = createLogger({ level: 'silent' })
  const server = await startServer(resolveConfig({ flags: { port: 0, model } }), { logger })
  try {
    const [card] = server.models
    const most = card!.chat!.maxContext - 50
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: card!.id,
        messages: [{ role: 'user', content: 'hi' }],
        ...{ stream: true, n: 16, min_tokens: most, max_tokens: most },
      }),
    })
    const [text] = await Promise.all([response.text(), server.close()])
    assert.match(text, /data: \{"error":\{[^\n]*"code":"shutting_down"\}\}\n\n$/)
  } finally {
    rmSync(scratch, { recursive: true })
  }
})

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
