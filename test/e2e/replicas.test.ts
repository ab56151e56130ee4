/** Servers, as a user starts them, that share a database and a bucket: what one is given the other answers about. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import OpenAI from 'openai'
import { freePort } from '../support/free-port.ts'
import { NO_POSTGRES, startPostgres } from '../support/postgres-server.ts'
import { NO_S3, startS3 } from '../support/s3-server.ts'
import { metric } from '../support/server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const AERIE = fileURLToPath(new URL('../../bin/aerie.js', import.meta.url))
const PICTURE = fileURLToPath(
  new URL('../../docs/pictures/red-circle-blue-square.png', import.meta.url),
)

async function startReplica(dataDir: string, settings: Readonly<Record<string, string>>) {
  const port = await freePort()
  const child = spawn(process.execPath, [AERIE, 'serve', '--port', `${port}`], {
    env: { ...process.env, ...settings, AERIE_DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (log += piece))
  const url = `http://127.0.0.1:${port}`
  while (!(await fetch(`${url}/readyz`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error(log)
    await delay(50)
  }
  return {
    url,
    client: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 }),
    log: () => log,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

it('a file that one replica was given is seen, listed, read and deleted at the other', {
  skip: NO_POSTGRES || NO_S3,
}, async () => {
  await using postgres = await startPostgres()
  await using s3 = await startS3()
  await using folder = await temporaryFolder()
  const settings = {
    AERIE_DATABASE_URL: (await postgres.createDatabase()).replace('aerie@', 'aerie:a-secret@'),
    AERIE_OBJECT_STORE: `${await s3.createBucket('aerie')}/replicas`,
    AERIE_OBJECT_STORE_ENDPOINT: s3.endpoint,
    AERIE_OBJECT_STORE_PATH_STYLE: 'true',
    AERIE_MAX_TENANT_FILES_BYTES: '1MiB',
  }
  // Both at once, on an empty database.
  const [one, other] = await Promise.all([
    startReplica(join(folder.path, 'one'), settings),
    startReplica(join(folder.path, 'other'), settings),
  ])
  await using _one = one
  await using _other = other
  const file = await one.client.files.create({
    file: createReadStream(PICTURE),
    purpose: 'vision',
  })
  const ask = (client: OpenAI) =>
    client.chat.completions.create({
      model: 'starter',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'file', file: { file_id: file.id } },
            { type: 'text', text: 'what is in the picture?' },
          ],
        },
      ],
      temperature: 0,
      max_completion_tokens: 16,
    })
  const answers = await Promise.all([ask(one.client), ask(other.client)])
  assert.equal(answers[0].choices[0]?.message.content, answers[1].choices[0]?.message.content)
  assert.ok(answers[0].choices[0]?.message.content)
  assert.equal(await metric(other.url, 'aerie_object_cache_entries'), 1)

  const bytes = Buffer.from(await (await other.client.files.content(file.id)).arrayBuffer())
  assert.ok(bytes.equals(await readFile(PICTURE)))
  const big = new File([Buffer.alloc(2 ** 20)], 'big.bin')
  await assert.rejects(other.client.files.create({ file: big, purpose: 'user_data' }), (error) => {
    assert.ok(error instanceof OpenAI.APIError)
    assert.equal(error.status, 507)
    assert.match(error.message, /maxTenantFilesBytes/)
    return true
  })

  // One dies; the other goes on with everything.
  await one[Symbol.asyncDispose]()
  assert.deepEqual(
    (await other.client.files.list()).data.map(({ id }) => id),
    [file.id],
  )
  assert.ok((await ask(other.client)).choices[0]?.message.content)
  await other.client.files.delete(file.id)
  await assert.rejects(ask(other.client), /was deleted/)
  await using third = await startReplica(join(folder.path, 'third'), settings)
  assert.deepEqual((await third.client.files.list()).data, [])
  for (const { log } of [one, other, third]) {
    assert.match(log(), /objectStore|object_store|OBJECT_STORE|s3:/, 'the configuration is logged')
    assert.doesNotMatch(log(), /a-secret/)
  }
})

it('a batch whose server is killed is finished by another, each line once', {
  skip: NO_POSTGRES || NO_S3,
}, async () => {
  await using postgres = await startPostgres()
  await using s3 = await startS3()
  await using folder = await temporaryFolder()
  const settings = {
    AERIE_DATABASE_URL: await postgres.createDatabase(),
    AERIE_OBJECT_STORE: await s3.createBucket('aerie'),
    AERIE_OBJECT_STORE_ENDPOINT: s3.endpoint,
    AERIE_OBJECT_STORE_PATH_STYLE: 'true',
    AERIE_BATCH_CONCURRENCY: '2',
  }
  const [one, other] = await Promise.all([
    startReplica(join(folder.path, 'one'), settings),
    startReplica(join(folder.path, 'other'), settings),
  ])
  await using _one = one
  await using _other = other
  const { client } = one
  const picture = `data:image/png;base64,${(await readFile(PICTURE)).toString('base64')}`
  const ids = Array.from({ length: 80 }, (_, i) => `line-${i}`)
  const lines = ids.map((id) => ({
    ...{ custom_id: id, method: 'POST', url: '/v1/chat/completions' },
    body: {
      model: 'starter',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: picture } },
            { type: 'text', text: `what is in the picture? (${id})` },
          ],
        },
      ],
      max_completion_tokens: 16,
      min_tokens: 16,
    },
  }))
  const text = lines.map((line) => JSON.stringify(line)).join('\n')
  const input = await client.files.create({
    file: new File([text], 'input.jsonl'),
    purpose: 'batch',
  })
  const batch = await client.batches.create({
    input_file_id: input.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  })
  const completed = async () =>
    (await other.client.batches.retrieve(batch.id)).request_counts?.completed ?? 0
  while ((await completed()) < 8) await delay(10)
  await one[Symbol.asyncDispose]()
  assert.ok((await completed()) < ids.length, 'it was killed in the middle')
  let done = await other.client.batches.retrieve(batch.id)
  while (done.status !== 'completed') {
    await delay(100)
    done = await other.client.batches.retrieve(batch.id)
    assert.ok(!['failed', 'expired', 'cancelled'].includes(done.status), JSON.stringify(done))
  }
  assert.deepEqual(done.request_counts, { total: 80, completed: 80, failed: 0 })
  const output = await (await other.client.files.content(done.output_file_id!)).text()
  const answered = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(answered.map(({ custom_id: id }) => id).sort(), ids.toSorted())
  for (const { response } of answered) assert.ok(response.body.choices[0].message.content)
})
