/** A server with a model and its adapters, as OpenAI's own client sees it. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import OpenAI from 'openai'
import { loadModelConfig } from '../../models/load-config.ts'
import type { RunningServer } from '../../src/main.ts'
import { CONFIG, randomAdapter, writeAdapter } from '../support/adapters.ts'
import { metric, startTestServer } from '../support/server.ts'

const STARTER = resolve(import.meta.dirname, '../../models/starter')
const NAMES = ['clerk', 'poet', 'scout'] as const

describe('a server with adapters', () => {
  let folder: string
  let server: RunningServer
  let client: OpenAI
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'aerie-adapters-'))
    const { graphs } = await loadModelConfig(STARTER)
    for (const [i, name] of [...NAMES, 'broken'].entries())
      writeAdapter(
        join(folder, name),
        randomAdapter(graphs.decoder!, { seed: 60 + i, size: 0.25 }),
        {
          ...CONFIG,
          base_model_name_or_path: 'starter',
        },
      )
    const adapters = [...NAMES, 'broken'].map((name) => `${name}=${join(folder, name)}`)
    server = await startTestServer({ adapters, maxAdapters: 2 })
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 })
  })
  after(async () => {
    await server.close()
    rmSync(folder, { recursive: true })
  })

  const ask = async (model: string, text = 'what color is the circle?', changes: object = {}) => {
    const completion = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: text }],
      ...{ max_completion_tokens: 12, temperature: 0, logprobs: true },
      ...changes,
    })
    return completion
  }
  const tokensOf = (completion: OpenAI.ChatCompletion) =>
    completion.choices.map(({ logprobs }) =>
      logprobs!.content!.map(({ token, logprob }) => [token, logprob]),
    )

  it('lists each as a model of its own, with its parent', async () => {
    const models: { id: string; parent?: string | null }[] = []
    for await (const model of client.models.list()) models.push(model)
    assert.deepEqual(
      models.map(({ id, parent }) => [id, parent]),
      [['starter', null], ...[...NAMES, 'broken'].map((name) => [name, 'starter'])],
    )
    const { aerie } = (await client.models.retrieve('poet')) as never as {
      aerie: { adapter: { base: string; rank: object; targets: string[] }; parity: unknown }
    }
    assert.deepEqual(
      [
        aerie.adapter.base,
        aerie.adapter.rank,
        aerie.adapter.targets.includes('q_proj'),
        aerie.parity,
      ],
      ['starter', { least: 2, most: 2 }, true, null],
    )
  })

  it('answers by each, alone and all at once, with the same tokens to the last bit', async () => {
    const models = ['starter', ...NAMES]
    const alone = []
    for (const model of models) {
      const completion = await ask(model)
      assert.equal(completion.model, model)
      alone.push(completion)
    }
    const texts = alone.map((completion) => JSON.stringify(tokensOf(completion)))
    assert.equal(new Set(texts).size, models.length, 'two adapters answer alike')
    assert.equal(
      new Set(alone.map((completion) => completion.system_fingerprint)).size,
      models.length,
    )
    const together = await Promise.all([...models, ...models].map((model) => ask(model)))
    for (const [i, completion] of together.entries())
      assert.equal(
        JSON.stringify(tokensOf(completion)),
        texts[i % models.length],
        models[i % models.length]!,
      )
  })

  it('draws the same by seed whatever runs beside it, several answers too', async () => {
    const sampled = { temperature: 1, seed: 11, n: 3 }
    const alone = tokensOf(await ask('poet', 'hello', sampled))
    const others = ['scout', 'starter', 'poet'].map((model) =>
      ask(model, 'hello', { temperature: 1 }),
    )
    const among = tokensOf(await ask('poet', 'hello', sampled))
    await Promise.all(others)
    assert.deepEqual(among, alone)
  })

  it('reuses prompts of the same adapter alone', async () => {
    const text = 'tell me about the '.repeat(12)
    const cached = async (model: string) =>
      (await ask(model, text)).usage!.prompt_tokens_details!.cached_tokens!
    assert.deepEqual(
      [await cached('starter'), await cached('clerk'), await cached('poet')],
      [0, 0, 0],
    )
    assert.ok((await cached('clerk')) > 0)
    assert.ok((await cached('starter')) > 0)
  })

  it('streams, and explains what was added', async () => {
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ model: 'clerk', messages: [{ role: 'user', content: 'hello' }], max_tokens: 4 },
        ...{ stream: true, stream_options: { include_usage: true }, aerie: { explain: true } },
      }),
    })
    const events = (await response.text())
      .split('\n\n')
      .filter((line) => line.startsWith('data: {'))
    const chunks = events.map((line) => JSON.parse(line.slice(6)))
    assert.ok(chunks.every(({ model }) => model === 'clerk'))
    const explained = chunks.map(({ aerie }) => aerie?.adapter).filter(Boolean)
    assert.deepEqual(
      explained.map(({ name, rank }) => [name, rank]),
      [['clerk', 2]],
    )
  })

  it('counts loads, never more at once than may be', async () => {
    for (const model of [...NAMES, ...NAMES]) await ask(model)
    const [loaded, most, evictions, bytes] = await Promise.all(
      ['loaded', 'loaded_max', '', 'bytes'].map((name) =>
        metric(
          server.url,
          name === '' ? 'aerie_adapter_evictions_total' : `aerie_adapters_${name}`,
        ),
      ),
    )
    assert.deepEqual([loaded, most], [2, 2])
    assert.ok(evictions! >= 4 && bytes! > 0)
  })

  it('says of one whose files have changed that they have, and goes on', async () => {
    const path = join(folder, 'broken', 'adapter_config.json')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"lora_alpha":3', '"lora_alpha":4'))
    await assert.rejects(ask('broken'), (error) => {
      assert.ok(error instanceof OpenAI.APIError)
      assert.deepEqual([error.status, error.code], [500, 'invalid_package'])
      assert.match(
        error.message,
        /adapter broken: its files have changed since its model was loaded/,
      )
      return true
    })
    assert.equal((await ask('poet')).model, 'poet')
  })
})

describe('a server that cannot have its adapters', () => {
  it('does not start, and says which and why', async () => {
    await assert.rejects(startTestServer({ adapters: ['poet=/nowhere/at/all'] }), {
      code: 'invalid_package',
      message: /^adapter poet: \/nowhere\/at\/all/,
    })
    const folder = mkdtempSync(join(tmpdir(), 'aerie-adapters-'))
    const { graphs } = await loadModelConfig(STARTER)
    writeAdapter(folder, randomAdapter(graphs.decoder!, { seed: 1 }))
    const adapters = [`poet=${folder}`]
    await assert.rejects(startTestServer({ adapters, backend: 'onnx' }), {
      code: 'invalid_config',
      message: 'adapters need the native runtime; the model runs on ONNX Runtime, as configured',
    })
    rmSync(folder, { recursive: true })
  })
})
