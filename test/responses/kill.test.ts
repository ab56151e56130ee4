/** kill -9 of a whole server with the starter: what was called complete is there, and nothing is under way for ever. */
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import OpenAI from 'openai'
import { spawnServer } from '../support/serve-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

it('a killed server loses no response that it has given, and those under way have failed', async () => {
  await using folder = await temporaryFolder()
  const dataDir = join(folder.path, 'data')
  await mkdir(dataDir, { mode: 0o700 })
  const flags = ['--data-dir', dataDir, '--max-running', '1']
  const open = async (server: ReturnType<typeof spawnServer>) => {
    const baseURL = `${await server.url}/v1`
    return new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 })
  }
  const model = 'starter'
  const input = 'say hello'
  const first = spawnServer(flags)
  const client = await open(first)
  const done = await client.responses.create({ model, input })
  const left = await Promise.all(
    Array.from({ length: 6 }, () => client.responses.create({ model, input, background: true })),
  )
  await first.kill()

  await using second = spawnServer(flags)
  const again = await open(second)
  assert.deepEqual((await again.responses.retrieve(done.id)).output, done.output)
  const next = await again.responses.create({ model, input, previous_response_id: done.id })
  assert.equal(next.status, 'completed')
  for (const { id } of left) {
    const { status, error } = await again.responses.retrieve(id)
    assert.ok(status === 'completed' || status === 'failed', String(status))
    if (status === 'failed') assert.equal(error?.code, 'shutting_down')
  }
})
