/** A quantised package behind a whole server: it answers about a picture, and its document says what quantising cost. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import OpenAI from 'openai'
import { importCheckpoint } from '../../src/import/import-checkpoint.ts'
import { createCheckedFetch } from '../support/checked-fetch.ts'
import { copyCheckpoint, scratchFolder } from '../support/checkpoint-folder.ts'
import { pictureUri, startTestServer } from '../support/server.ts'

test('a quantised package answers, and says how far it is from its checkpoint', async (t) => {
  const scratch = scratchFolder()
  t.after(() => rmSync(scratch, { recursive: true }))
  const folder = join(scratch, 'vila15')
  copyCheckpoint('vila/vila15', folder)
  const { directory, manifest } = await importCheckpoint(folder, {
    modelsDir: join(scratch, 'models'),
    quantise: { method: 'int4', group: 32 },
    // Random weights say nothing about how much is lost.
    thresholds: { klMean: 10, top1: 0, cosineMean: 0, cosineLeast: -1 },
  })
  const server = await startTestServer({ model: directory })
  t.after(() => server.close())
  const { fetch } = await createCheckedFetch()

  const response = await fetch(`${server.url}/v1/models/${manifest.name}`)
  const { aerie } = (await response.json()) as { aerie: Record<string, unknown> }
  const { quantization, parity, weights } = aerie as {
    quantization: { bits: number; measured: { decoder: object; towers: { name: string }[] } }
    parity: null
    weights: { bytes: number; computed_as: string; dtypes: Record<string, number> }
  }
  const { decoder } = manifest.quantization!.measured
  assert.equal(quantization.bits, 4)
  assert.deepEqual(quantization.measured.decoder, {
    ...{ prompts: decoder!.prompts, positions: decoder!.positions, top1: decoder!.top1 },
    ...{ kl_mean: decoder!.klMean, kl_largest: decoder!.klLargest },
  })
  assert.deepEqual(
    quantization.measured.towers.map(({ name }) => name),
    manifest.quantization!.measured.towers.map(({ name }) => name),
  )
  assert.equal(parity, null)
  assert.equal(weights.computed_as, 'int8')
  assert.ok(weights.dtypes['INT4']! > 0 && weights.dtypes['INT8']! > 0)
  assert.equal(
    weights.bytes,
    manifest.parts.reduce((sum, { bytes }) => sum + bytes, 0),
  )

  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0, fetch })
  const answer = await client.chat.completions.create({
    model: manifest.name,
    max_tokens: 4,
    temperature: 0,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: await pictureUri('number-42.png') } },
          { type: 'text', text: 'What is in the picture?' },
        ],
      },
    ],
  })
  assert.equal(answer.usage?.completion_tokens, 4)
})
